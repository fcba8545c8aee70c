import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import test from 'ava'
import {readAwsSettings} from '../../src/acquire/aws-settings.ts'
import {InputError} from '../../src/base/errors.ts'

const HOME = mkdtempSync(join(tmpdir(), 'aws-settings-test-'))
mkdirSync(join(HOME, '.aws'))
writeFileSync(
  join(HOME, '.aws', 'config'),
  `# comment
[default]
region = eu-central-1
s3 =
  addressing_style = path
  region = of-no-meaning
[profile  night shift]
region=us-west-2
endpoint_url = http://127.0.0.1:9000/
aws_access_key_id = weaker
`,
)
writeFileSync(
  join(HOME, '.aws', 'credentials'),
  `[default]
aws_access_key_id = AK1
aws_secret_access_key = with = and #
[night shift]
aws_access_key_id=AK2
aws_secret_access_key=secret2
aws_session_token = token2
`,
)
test.after.always(() => rmSync(HOME, {recursive: true}))

test('the environment comes before the profile', async t => {
  t.deepEqual(
    await readAwsSettings({
      HOME,
      AWS_ACCESS_KEY_ID: 'AK',
      AWS_SECRET_ACCESS_KEY: 'secret',
      AWS_REGION: 'eu-west-1',
      AWS_DEFAULT_REGION: 'eu-west-2',
      AWS_ENDPOINT_URL: 'http://any',
      AWS_ENDPOINT_URL_S3: 'https://s3.local/',
    }),
    {
      region: 'eu-west-1',
      endpoint: 'https://s3.local',
      credentials: {accessKeyId: 'AK', secretAccessKey: 'secret', sessionToken: undefined},
    },
  )
})

test('profiles are read from both files, and what is indented in them is passed over', async t => {
  t.deepEqual(await readAwsSettings({HOME}), {
    region: 'eu-central-1',
    endpoint: undefined,
    credentials: {accessKeyId: 'AK1', secretAccessKey: 'with = and #', sessionToken: undefined},
  })
  t.deepEqual(await readAwsSettings({HOME, AWS_PROFILE: 'night shift', AWS_ACCESS_KEY_ID: 'alone'}), {
    region: 'us-west-2',
    endpoint: 'http://127.0.0.1:9000',
    credentials: {accessKeyId: 'AK2', secretAccessKey: 'secret2', sessionToken: 'token2'},
  })
})

test('who has no credentials is told how to get some', async t => {
  const error = await t.throwsAsync(readAwsSettings({AWS_PROFILE: 'nobody', HOME}), {
    instanceOf: InputError,
    code: 'unreadable',
    message: /^no credentials for S3/,
  })
  t.regex(error?.hint ?? '', /AWS_PROFILE/)
  await t.throwsAsync(readAwsSettings({HOME, AWS_ENDPOINT_URL: 'here'}), {message: /no address of an S3 server/})
})
