-- include: shared, ledger, indexes
-- Names a job that is about to get its record in the indexes. A job that stands in them is left where it is.
--   KEYS 1 due, 2 unqueued, 3 jobs of its tenant, 4 tenants, 5 webhooks, 6 ids, 7 unfinished, 8 texts, 9 filed,
--        10 ledger, 11 what jobs are charged with, 12… an index for each member of its metadata that it is to be found by
--   ARGV 1 jobId, 2 ms from now when it must be looked at, 3 ms from now when its queue entry is looked for, 4 tenant,
--        5 ms from now when its webhook is looked for should nobody say that it has ended, or '' (it has none),
--        6 text that it is to be found by, or '', 7 these members (JSON), or '', 8 what it is charged with (JSON), or ''
-- Returns {now, 1 when it was to be looked at already, 1 when it is charged since now}, or {'exceeded', which charge, what its
-- account has} when there is no room for it
local was_charged = redis.call('HEXISTS', KEYS[11], ARGV[1])
local place, taken = charge(KEYS[10], KEYS[11], ARGV[1], ARGV[8])
if place then
  return { 'exceeded', place, taken }
end
local now = now_ms()
return { now, enter_indexes(KEYS, ARGV, now), ARGV[8] ~= '' and 1 - was_charged or 0 }
