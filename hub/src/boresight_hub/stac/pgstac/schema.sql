-- What the service needs beside pgSTAC: functions that mean in SQL what CQL2 means in Python,
-- indexes for its searches, and the key of its page tokens. Made by
-- `python -m boresight_hub.stac.pgstac.setup`; running it again changes nothing.

create schema if not exists boresight;

create table if not exists boresight.setting (
  one boolean primary key default true check (one),
  version integer not null,
  token_key bytea not null
);

-- RFC 3339 with a zone; null for any other text. Checked first: a failing cast would end the query.
create or replace function boresight.instant(value text) returns timestamptz
language sql stable strict parallel safe as $$
  select case
    when value ~ ('^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]'
      || '([.][0-9]+)?([Zz]|[+-](0[0-9]|1[0-5]):[0-5][0-9])$')
      and substr(value, 1, 4) <> '0000'
    then case
      when substr(value, 9, 2)::int <= extract(day from
        make_date(substr(value, 1, 4)::int, substr(value, 6, 2)::int, 1)
        + interval '1 month' - interval '1 day')
      then regexp_replace(value, '([.][0-9]{6})[0-9]+', '\1')::timestamptz
    end
  end
$$;

create or replace function boresight.fold_case(value text) returns text
language sql immutable strict parallel safe as $$
  select replace(lower(upper(value collate "und-x-icu") collate "und-x-icu"), 'ς', 'σ')
$$;

-- {combining} are the signs that stand on a letter, as Python's unicodedata knows them
create or replace function boresight.fold_accents(value text) returns text
language sql immutable strict parallel safe as $$
  select regexp_replace(normalize(value, nfd), '[{combining}]', '', 'g')
$$;

create or replace function boresight.power(base numeric, exponent numeric) returns numeric
language sql immutable strict parallel safe as $$
  select case
    when base = 0 then case when exponent > 0 then 0 when exponent = 0 then 1 end
    when base < 0 and exponent <> trunc(exponent) then null
    when abs(base) between 1e-300 and 1e300 and abs(exponent) < 1e15
      and abs(exponent::float8 * ln(abs(base)::float8)) < 690
    then power(base::float8, exponent::float8)::numeric
  end
$$;

create or replace function boresight.arrays(relation text, a jsonb, b jsonb) returns boolean
language sql immutable strict parallel safe as $$
  select case when jsonb_typeof(a) = 'array' and jsonb_typeof(b) = 'array' then
    case relation
      when 'a_overlaps' then exists (
        select from jsonb_array_elements(a) x, jsonb_array_elements(b) y where x = y)
      else (relation = 'a_containedby' or not exists (
          select from jsonb_array_elements(b) y
          where not exists (select from jsonb_array_elements(a) x where x = y)))
        and (relation = 'a_contains' or not exists (
          select from jsonb_array_elements(a) x
          where not exists (select from jsonb_array_elements(b) y where x = y)))
    end
  end
$$;

grant usage on schema boresight to pgstac_read;
grant select on boresight.setting to pgstac_read;
grant execute on all functions in schema boresight to pgstac_read;

-- A walk through time finds what lies in a range; an area and a range together need both at once.
create index if not exists boresight_space_time on pgstac.items
  using gist (geometry, tstzrange(datetime, end_datetime, '[]'));
