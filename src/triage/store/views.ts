/** Of the views below: a later one replaces those of an earlier one. */
export const VIEWS_VERSION = 1

/** A text as a time; NULL for the few that PostgreSQL cannot read: a file may say that it is of any year. */
const moment = (text: string): string => `CASE WHEN ${text} ~ '^[1-9][0-9]{3}-' THEN ${text}::timestamptz END`
const PROGRAM = "regexp_replace(build.program, '^.*/', '')"

/** What a dashboard reads (docs/scaling.md, "Views"): columns are added, none goes or changes its meaning. */
export const VIEWS = `
DROP VIEW IF EXISTS signatures, crashes, crashes_per_day, crash_builds, failures, workers;
CREATE VIEW crashes AS
SELECT core.key, ${moment('core.time')} AS time, ${moment('core.added')} AS added, core.path, core.size, core.exact,
  signature.family, signature.kind, signature.signal, signature.message, ${PROGRAM} AS program, build.main AS module,
  build.version, build.revision, build.revision_time, build.build_id, build.go_version, core.labels::jsonb AS labels
FROM core LEFT JOIN signature USING (exact) LEFT JOIN build ON build.id = core.build WHERE core.error IS NULL;
CREATE VIEW signatures AS
SELECT signature.exact, signature.family, signature.kind, signature.signal, signature.message, seen.crashes,
  ${moment('seen.first')} AS first, ${moment('seen.last')} AS last, coalesce(said.state, 'new') AS said,
  said.build AS fixed_in, said.note
FROM signature
JOIN (SELECT exact, count(*) AS crashes, min(time) AS first, max(time) AS last
  FROM core WHERE exact IS NOT NULL GROUP BY exact) AS seen USING (exact)
LEFT JOIN (SELECT DISTINCT ON (exact) exact, state, build, note FROM mark ORDER BY exact, id DESC) AS said USING (exact);
CREATE VIEW crashes_per_day AS
SELECT ${moment('day')} AS time, exact, crashes FROM (
  SELECT substr(time, 1, 10) || 'T00:00:00Z' AS day, exact, count(*) AS crashes
  FROM core WHERE exact IS NOT NULL GROUP BY 1, 2) AS counted;
CREATE VIEW crash_builds AS
SELECT seen.exact, ${PROGRAM} AS program, build.main AS module, build.version, build.revision, build.revision_time,
  build.build_id, seen.crashes, ${moment('seen.first')} AS first, ${moment('seen.last')} AS last
FROM (SELECT exact, build, count(*) AS crashes, min(time) AS first, max(time) AS last
  FROM core WHERE exact IS NOT NULL GROUP BY exact, build) AS seen
JOIN build ON build.id = seen.build;
CREATE VIEW failures AS
SELECT core.key, ${moment('core.time')} AS time, ${moment('core.added')} AS added, core.path, core.error, core.attempt
FROM core WHERE core.error IS NOT NULL;
CREATE VIEW workers AS
SELECT worker.id, worker.host, worker.pid, worker.version, worker.slots, worker.started, worker.seen, worker.analysed,
  count(lease.job) AS busy, min(lease.since) AS oldest
FROM worker LEFT JOIN lease ON lease.worker = worker.id GROUP BY worker.id;`
