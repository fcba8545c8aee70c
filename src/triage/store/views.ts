/** Of the views below: a later one replaces those of an earlier one. */
export const VIEWS_VERSION = 1

/**
 * What a dashboard reads (docs/scaling.md, "Views"): columns are added, none goes or changes its meaning. Times are
 * timestamptz.
 */
export const VIEWS = `
DROP VIEW IF EXISTS signatures, crashes, crashes_per_day, crash_builds, failures, workers;
CREATE VIEW crashes AS
SELECT core.key, core.time::timestamptz AS time, core.added::timestamptz AS added, core.path, core.size, core.exact,
  signature.family, signature.kind, signature.signal, signature.message,
  regexp_replace(build.program, '^.*/', '') AS program, build.main AS module,
  build.version, build.revision, build.revision_time::timestamptz AS revision_time, build.build_id, build.go_version,
  core.labels::jsonb AS labels
FROM core LEFT JOIN signature USING (exact) LEFT JOIN build ON build.id = core.build WHERE core.error IS NULL;
CREATE VIEW signatures AS
SELECT signature.exact, signature.family, signature.kind, signature.signal, signature.message, seen.crashes,
  seen.first, seen.last, coalesce(said.state, 'new') AS said, said.build AS fixed_in, said.note
FROM signature
JOIN (SELECT exact, count(*) AS crashes, min(time)::timestamptz AS first, max(time)::timestamptz AS last
  FROM core WHERE exact IS NOT NULL GROUP BY exact) AS seen USING (exact)
LEFT JOIN (SELECT DISTINCT ON (exact) exact, state, build, note FROM mark ORDER BY exact, id DESC) AS said USING (exact);
CREATE VIEW crashes_per_day AS
SELECT date_trunc('day', time::timestamptz, 'UTC') AS time, exact, count(*) AS crashes
FROM core WHERE exact IS NOT NULL GROUP BY 1, 2;
CREATE VIEW crash_builds AS
SELECT core.exact, regexp_replace(build.program, '^.*/', '') AS program, build.main AS module, build.version, build.revision,
  build.revision_time::timestamptz AS revision_time, build.build_id, count(*) AS crashes,
  min(core.time)::timestamptz AS first, max(core.time)::timestamptz AS last
FROM core JOIN build ON build.id = core.build WHERE core.exact IS NOT NULL GROUP BY core.exact, build.id;
CREATE VIEW failures AS
SELECT core.key, core.time::timestamptz AS time, core.added::timestamptz AS added, core.path, core.error, core.attempt
FROM core WHERE core.error IS NOT NULL;
CREATE VIEW workers AS
SELECT worker.id, worker.host, worker.pid, worker.version, worker.slots, worker.started, worker.seen, worker.analysed,
  count(lease.job) AS busy, min(lease.since) AS oldest
FROM worker LEFT JOIN lease ON lease.worker = worker.id GROUP BY worker.id;`
