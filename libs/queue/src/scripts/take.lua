-- include: turns, taking
-- Gives a worker the entry that is next.
--   KEYS 1 BullMQ's list `wait`, 2 its list `active`
--   ARGV 1 the token of the entry's lock, 2 how long that holds (ms)
-- Returns what take_entry does, {} when none waits, or {'bullmq'} when BullMQ's own script has to look
if needs_bullmq() then
  return { 'bullmq' }
end
local taken = take_entry(ARGV[1], ARGV[2])
if taken then
  wake_for_more()
end
return taken or {}
