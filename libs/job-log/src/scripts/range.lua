-- Reads a stretch of the log after a position, bounded in events and bytes (one event at least).
--   KEYS 1 record, 2 log
--   ARGV 1 tenant, 2 afterSeq, 3 maxEvents, 4 maxBytes, 5 how many bytes an event counts besides its body
-- Returns {epoch, last seq, status, then for each batch or the part of it that is wanted: head, seq of the first, seq of
--   the last, bodies}, or {} when there is no record, or another tenant's. Stops at an entry that is none of ours
local r = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'status', 'tenant')
if not r[1] or r[4] ~= ARGV[1] then
  return {}
end
local last_seq, wanted = tonumber(r[2]), tonumber(ARGV[2]) + 1
local page, events, bytes = { r[1], last_seq, r[3] }, tonumber(ARGV[3]), tonumber(ARGV[4])
local extra = tonumber(ARGV[5])

local function first_seq(head)
  return head and tonumber(string.match(head, '^(%d+) %d+ %d+$'))
end

-- The batch in which the wanted event stands: the last one that does not begin behind it.
local function find_batch()
  local low, high = 0, redis.call('LLEN', KEYS[2]) / 2 - 1
  while low < high do
    local middle = math.ceil((low + high) / 2)
    local first = first_seq(redis.call('LINDEX', KEYS[2], 2 * middle))
    if first and first <= wanted then
      low = middle
    else
      high = middle - 1
    end
  end
  return low
end

-- Where the line begins that comes so many after the one at `from`.
local function line_after(text, from, count)
  for _ = 1, count do
    from = (string.find(text, '\n', from, true) or #text) + 1
  end
  return from
end

-- How many of the lines, from this one on, there is room for.
local function count_fitting(text, from, count)
  local room, fitting = bytes, 0
  while fitting < math.min(count, events) do
    local stop = string.find(text, '\n', from, true) or #text + 1
    room = room - (stop - from) - extra
    if room < 0 and (fitting > 0 or #page > 3) then
      break
    end
    fitting, from = fitting + 1, stop + 1
  end
  return fitting
end

-- Takes of a batch what is wanted; false when there is no room for all of it.
local function take(head, bodies, first, last)
  local from = line_after(bodies, 1, wanted - first)
  local count = last - wanted + 1
  local size = #bodies - from + 1 + count * extra
  local fitting = count
  if size > bytes or count > events then
    -- To cut a batch costs more than to read it twice, once the page holds something worth sending.
    fitting = bytes * 2 < tonumber(ARGV[4]) and 0 or count_fitting(bodies, from, count)
  end
  if fitting > 0 then
    local to = fitting == count and #bodies or line_after(bodies, from, fitting) - 2
    page[#page + 1], page[#page + 2], page[#page + 3] = head, wanted, wanted + fitting - 1
    page[#page + 1] = (from == 1 and to == #bodies) and bodies or string.sub(bodies, from, to)
  end
  wanted, events, bytes = wanted + fitting, events - fitting, bytes - size
  return fitting == count and events > 0 and bytes > 0
end

if wanted > last_seq then
  return page
end
local index, step = find_batch(), 1
while wanted <= last_seq do
  -- One entry more than the batches: where the last one ends, the head behind it tells.
  local entries = redis.call('LRANGE', KEYS[2], 2 * index, 2 * (index + step))
  for i = 1, #entries - 1, 2 do
    local first, behind = first_seq(entries[i]), entries[i + 2]
    local last = behind and (first_seq(behind) or 0) - 1 or last_seq
    if not first or first > wanted or last < wanted or not take(entries[i], entries[i + 1], first, last) then
      return page
    end
  end
  if #entries < 2 * step + 1 then
    break
  end
  index, step = index + step, math.min(2 * step, 32)
end
return page
