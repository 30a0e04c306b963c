-- include: ledger
-- Counts what the output of a job takes that is said elsewhere. Told again, or late, it changes nothing.
--   KEYS 1 ledger, 2 what the output of jobs takes
--   ARGV 1 jobId, 2 accounts, one a line, 3 bytes
-- Returns {}
local before = tonumber(string.match(redis.call('HGET', KEYS[2], ARGV[1]) or '', '^%d+') or 0)
if tonumber(ARGV[3]) > before then
  count_output(KEYS[1], KEYS[2], ARGV[1], ARGV[2], before, tonumber(ARGV[3]))
end
return {}
