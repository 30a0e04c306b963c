-- include: shared, indexes
-- Names a job that is about to get its record in the indexes. A job that stands in them is left where it is.
--   KEYS 1 due, 2 unqueued, 3 jobs of its tenant, 4 tenants, 5 webhooks
--   ARGV 1 jobId, 2 ms from now when it must be looked at, 3 ms from now when its queue entry is looked for, 4 tenant,
--        5 ms from now when its webhook is looked for should nobody say that it has ended, or '' (it has none)
-- Returns {now, 1 when it was to be looked at already}
local now = now_ms()
return { now, enter_indexes(KEYS, ARGV, now) }
