// Of what stops a start, or a tool of the command line. These codes stand in the log and on the terminal; no request gets them,
// but where a setting is only found wrong in use.

import type { ErrorCode } from '../errors.ts'
import type { Advice } from './advice.ts'

export const OF_STARTS = {
  TEST_CLOCK_REFUSED: {
    means:
      'A data directory is for the test clock from its first start on, or never: moving the clock would send real messages early.',
    because: ['`--test-clock` was given for a directory with real messages, or left out for one that is for tests.'],
    todo: ['Take another directory: `--test-clock --data-dir ./test-data`.'],
    example: {
      detail:
        'The data directory ./data was used without a test clock: moving its clock would publish real messages early. Take a new directory.',
    },
  },
  ACCESS_UNDECIDED: {
    means:
      'The service would listen where others reach it, and nobody has said who may come in. It does not start open by accident.',
    because: ['`DWELL_HOST` is a public address, such as `0.0.0.0`, and there are neither tokens nor web tokens.'],
    todo: [
      'Make a token with `dwell tokens create` and give `DWELL_TOKENS_FILE`, or give `DWELL_JWT_KEYS`.',
      'Or listen on `127.0.0.1`.',
      'If it is meant to be open, behind a wall of your own, say `DWELL_OPEN_TO_ANYONE=true`.',
    ],
    example: {
      detail:
        'On 0.0.0.0 anybody who reaches this machine could read, publish and delete everything. Give DWELL_TOKENS_FILE (made by `dwell tokens create`) or DWELL_JWT_KEYS, or listen on 127.0.0.1; if it is meant to be open, say DWELL_OPEN_TO_ANYONE=true.',
    },
  },
  INVALID_TOKENS_FILE: {
    means:
      'The file that says which tokens there are cannot be used. While the service runs, the tokens that were known stay.',
    because: ['It was edited by hand: JSON that ends too early, a right that does not exist, a name twice.'],
    todo: ['`detail` names the entry. Let `dwell tokens create`, `list` and `remove` write the file.'],
    example: {
      detail:
        'The file of tokens cannot be used: shop: rights must be a list of publish, consume, admin, at least one.',
    },
  },
  INVALID_TOPIC_PATTERN: {
    means: 'The topics of a token are names, or beginnings of names with `*` behind them.',
    because: ['A `*` stands in the middle, or a regular expression was given.'],
    todo: ['Write `orders` for one topic, `orders.*` for all that begin so, `*` for all.'],
    example: {
      detail: '"*.orders" is neither the name of a topic nor the beginning of one with * behind it.',
    },
  },
  INVALID_CERTIFICATE: {
    means: 'The certificate for TLS, or its key, cannot be used. While the service runs, the one before stays in use.',
    because: [
      'Key and certificate do not belong together.',
      'A file is not PEM, or was read while it was being replaced.',
    ],
    todo: [
      'Check both with `openssl x509 -in FILE` and `openssl pkey -in FILE`.',
      'Replace both at once, as Kubernetes does by a link.',
    ],
    example: { detail: 'The certificate and its key cannot be used: key values mismatch.' },
  },
  INVALID_KEYS: {
    means: 'What was read as the keys of web tokens (JWKS) holds none that can be used.',
    because: [
      'The address leads to a page and not to a JWKS.',
      'It holds secrets (HS256), which are not taken: only public keys are.',
    ],
    todo: ['Open the address that `DWELL_JWT_KEYS` names: it has to be a JSON object with `keys`.'],
    example: { detail: 'The keys of JSON Web Tokens cannot be used: it must be {"keys": [ … ]}, with at least one.' },
  },
  INVALID_SETTING: {
    means: 'A setting has a value that it cannot have. Settings are checked before anything is opened.',
    because: ['A unit is missing or misspelt.', 'The value is beyond its range.', 'Two settings do not go together.'],
    todo: ['`detail` names the variable and what it may be; `dwell serve --help` lists all with their ranges.'],
    example: { detail: 'DWELL_PORT is "72000"; it must be a whole number from 0 to 65535.', setting: 'DWELL_PORT' },
  },
  UNKNOWN_SETTING: {
    means:
      'A variable of the environment begins with `DWELL_` and is no setting: a slip of the pen would otherwise go unnoticed.',
    because: ['It is misspelt, or of another version.', 'Another program uses the same prefix.'],
    todo: ['Compare it with `dwell serve --help`, and take it away or put it right.'],
    example: { detail: 'The environment sets DWELL_PROT, but there is no such setting.', setting: 'DWELL_PROT' },
  },
  DATA_DIRECTORY_LOCKED: {
    means: "Another process works in this data directory. Two of them would destroy each other's work.",
    because: ['The service runs already.', 'In a cluster the old pod has not ended yet; its volume is held by it.'],
    todo: [
      '`detail` names process and machine: stop that one, or take another directory.',
      'After a crash nothing is to be removed by hand: the lock dies with its holder.',
    ],
    example: {
      detail: 'The data directory ./data is in use by process 4711 on machine-1, started at 2026-11-20T10:00:00.000Z.',
    },
  },
  MARK_UNREADABLE: {
    means:
      'The record that says up to where the timing wheel has dispatched cannot be read. Going on without it would send messages twice, or never.',
    because: ['The service was set back to an older version.', '`__mark` is damaged or was emptied.'],
    todo: [
      'Go back to the newer version, if there was one.',
      'Stop the service, then run `dwell verify DIRECTORY` to see how much is concerned, and `dwell repair DIRECTORY`.',
    ],
    example: { detail: 'There is no mark from offset 812 on.', offset: 812 },
  },
  DATA_DIRECTORY_UNUSABLE: {
    means: 'The data directory cannot be made or used.',
    because: ['The user of the process may not write there.', 'A file has the name of the directory.'],
    todo: ['Give `DWELL_DATA_DIR` a directory that belongs to the user of the process; the image runs as user 65532.'],
    example: { detail: 'The data directory /data cannot be made: EACCES: permission denied, mkdir.', path: '/data' },
  },
  STORE_LOCKED: {
    means: 'A LevelDB folder of the data directory is open in another process.',
    because: ['A tool looks into it while the service starts, or the other way round.'],
    todo: ['Let one of them end. Tools work on a copy of the directory while the service runs.'],
    example: { detail: 'LevelDB in data/index is open in another process.', path: 'data/index' },
  },
  ADDRESS_NOT_AVAILABLE: {
    means: 'The service cannot listen on this address and port.',
    because: [
      'Another process listens there.',
      'The address is none of this machine.',
      'Ports below 1024 ask for rights.',
    ],
    todo: ['Find the other one with `ss -ltnp`, or give another `DWELL_PORT`; 0 takes a free one and logs it.'],
    example: {
      detail: 'Cannot listen on 127.0.0.1, port 7200: listen EADDRINUSE: address already in use 127.0.0.1:7200.',
      host: '127.0.0.1',
      port: 7_200,
    },
  },
  FILE_NOT_FOUND: {
    means: 'A tool was asked for a file or a folder that is not there.',
    because: ['The path is relative to another directory.'],
    todo: ['Give the whole path; `dwell dump` takes a file, `dwell verify` and `dwell repair` the data directory.'],
    example: { detail: 'There is no file data/checkpoint2.', path: 'data/checkpoint2' },
  },
  FILE_UNREADABLE: {
    means: 'A file that is needed is there and cannot be read.',
    because: ['It belongs to another user.', 'The disk has a fault.'],
    todo: ['Run the tool as the user of the service, or change the rights of the file.'],
    example: { detail: 'data/checkpoint cannot be read: permission denied.', path: 'data/checkpoint' },
  },
  NOT_OURS: {
    means: 'A tool was given a file or a folder that is none of Dwell.',
    because: ['The folder above or below the data directory was named.'],
    todo: ['Name the data directory: the folder in which `journal` and `topics` are.'],
    example: { detail: './home is no data directory of Dwell: it has no journal and no topics.', path: './home' },
  },
  REPAIR_IMPOSSIBLE: {
    means: 'The damage is such that nothing whole can be made of it. Nothing was changed there.',
    because: ['Files of the journal are missing in its middle.'],
    todo: [
      'Restore a backup of the whole data directory.',
      'Keep the damaged one: what `dwell dump` can read of it can be published anew.',
    ],
    example: {
      detail:
        'The journal around data/journal/00000000000000000003.journal cannot be made whole: the file before it is missing. Restore a backup, or ask for help; nothing was changed there.',
    },
  },
} as const satisfies Partial<Record<ErrorCode, Advice>>
