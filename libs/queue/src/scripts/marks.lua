-- include: turns
-- What BullMQ has of some jobs, for enter.lua: who asks before looking at their records enters nothing that was done meanwhile.
--   KEYS 1 BullMQ's list `wait`
--   ARGV 1… jobIds
-- Returns a mark for each
local marks = {}
for i, job_id in ipairs(ARGV) do
  marks[i] = mark_of(job_id)
end
return marks
