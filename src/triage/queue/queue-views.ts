import type {PostgresPool} from '../store/postgres.ts'
import {JOBS, QUEUE} from './boss.ts'

/**
 * Of the queue (docs/scaling.md, "Views"). They are functions inside, so that an update of pg-boss may change its
 * tables, which nothing may while a view stands on them; and so that who reads them need not read the addresses of
 * cores, which may let somebody in.
 */
const QUEUE_VIEWS = `
CREATE OR REPLACE FUNCTION read_queue() RETURNS TABLE (state text, cores bigint, oldest timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$ BEGIN RETURN QUERY
  SELECT job.state::text, count(*), min(job.created_on) FROM ${JOBS} AS job
  WHERE job.name = '${QUEUE}' AND job.state <> 'completed' GROUP BY job.state;
END $$;
CREATE OR REPLACE VIEW queue AS SELECT * FROM read_queue();
CREATE OR REPLACE FUNCTION read_dead_letters() RETURNS TABLE (
  key text, path text, priority integer, attempts integer, code text, message text, queued timestamptz, ended timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$ BEGIN RETURN QUERY
  SELECT job.data->>'key', coalesce(job.data->>'path', job.data->>'source'), job.priority, job.retry_count + 1, job.output->>'code',
    job.output->>'message', job.created_on, job.completed_on
  FROM ${JOBS} AS job WHERE job.name = '${QUEUE}' AND job.state = 'failed';
END $$;
CREATE OR REPLACE VIEW dead_letters AS SELECT * FROM read_dead_letters();`

/** To be called by one run at a time. */
export async function makeQueueViews(pool: PostgresPool): Promise<void> {
  const [found] = await pool.query("SELECT to_regclass('dead_letters') IS NOT NULL AS found")
  if (found?.found !== true) await pool.query(QUEUE_VIEWS)
}
