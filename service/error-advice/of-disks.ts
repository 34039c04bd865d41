// Of what disks do, and of what is our own fault. What was answered with success before stays true: it is on the disk, or the
// service says that it is not.

import type { ErrorCode } from '../errors.ts'
import type { Advice } from './advice.ts'

/** For damage: the way is the same, what is lost is not. */
const VERIFY =
  'Stop the service, or copy its directory, and run `dwell verify DIRECTORY`: it changes nothing and names each place.'
const REPAIR =
  '`dwell repair DIRECTORY` shows what it would do and what is lost, and does it with `--yes`; what it takes away is kept beside.'

export const OF_DISKS = {
  DISK_LOW: {
    means:
      'The disk is nearly full, so nothing is published any more. Acquire, acknowledge, cancel and dispatch go on, from a reserve.',
    because: ['Consumers are behind, and `retention` keeps what they have not read.', 'Something else fills the disk.'],
    todo: [
      'Make room: shorten the `retention` of large topics, purge dead letters, delete topics, or enlarge the volume.',
      'Publishing comes back by itself, as soon as `DWELL_DISK_LOW_BYTES` are free.',
    ],
    example: {
      detail: 'The disk is nearly full: 52428800 bytes are free, publishing needs 268435456.',
      freeBytes: 52_428_800,
    },
  },
  DISK_FULL: {
    means:
      'A write found no room, not even in the reserve. The service stops rather than answer for what it could not write.',
    because: [
      '`DISK_LOW` was passed over for long, or something else filled the disk at once.',
      'A quota was reached.',
    ],
    todo: [
      'Make room on the volume of the data directory and start the service again: all that was answered is there.',
      'Repeat what got this answer, with the same `id`: it may or may not have been done.',
    ],
    example: {
      detail:
        'The disk is full: there is no room for 65536 bytes of data/journal/00000000000000000042.journal (ENOSPC).',
    },
  },
  READ_FAILED: {
    means: 'The disk answered a read with an error. Nothing is known to be lost; this request could not be answered.',
    because: [
      'The disk, or the network it hangs on, has a fault.',
      'Files were moved or their rights changed under the service.',
    ],
    todo: [
      'Try again once. If it stays, look at the log of the system for errors of the disk.',
      'Copy the directory to another disk before you do anything else.',
    ],
    example: {
      detail: 'The log cannot be read: EIO: i/o error, read.',
      path: 'data/topics/orders-0/00000000000000000000.log',
    },
  },
  DATA_DIRECTORY_LOST: {
    means: 'The data directory is no longer where it was, or may no longer be written to. The service ends.',
    because: [
      'The volume was unmounted, or turned read-only after an error.',
      'Somebody renamed or removed the directory.',
    ],
    todo: ['Bring the directory back at its place, with its rights, and start the service again.'],
    example: { detail: 'The data directory /data is out of reach: ENOENT: no such file or directory.', path: '/data' },
  },
  JOURNAL_FAILED: {
    means:
      'The journal could not be written or synced. After that nothing can be promised, so the service ends. Whether this request was done is not known.',
    because: ['The disk has a fault, or its connection broke.'],
    todo: [
      'Mend the disk and start the service again: it goes on with all that was answered.',
      'Repeat the request with the same `id` in each message; what was done then answers `duplicate`.',
    ],
    example: { detail: 'The journal cannot be written: EIO: i/o error, fdatasync' },
  },
  LOG_FAILED: {
    means:
      'A segment or a checkpoint could not be written. The journal still has it all; the service ends to read it from there.',
    because: ['The disk has a fault, or files of the data directory were changed from outside.'],
    todo: [
      'Read the line of the log that names the file, mend the disk, start again.',
      'Repeat the request, with an `id`.',
    ],
    example: { detail: 'The log cannot be written: EACCES: permission denied, open.' },
  },
  WHEEL_FAILED: {
    means: 'The part that keeps delayed messages has stopped, and the service with it. What waits is on the disk.',
    because: ['A write failed under it; the line of the log before this one says which.'],
    todo: ['Start the service again; what was due meanwhile goes out at once, oldest first.'],
    example: { detail: 'The wheel has stopped.' },
  },
  SLOT_WRITE_FAILED: {
    means:
      'A file of one second of the timing wheel could not be written. It is derived, and made again at the next start.',
    because: ['The disk is full or has a fault.', 'There are no file descriptors left (`ulimit -n`).'],
    todo: ['Look at room, inodes and descriptors, then start the service again.'],
    example: {
      detail: 'The slot data/wheel/slots/1795514400.slot cannot be written: EMFILE: too many open files, open',
    },
  },
  OVERFLOW_FAILED: {
    means: 'The store of messages that are due beyond the wheel could not be written; the service ends.',
    because: ['LevelDB met an error while it wrote or compacted: no room, no descriptors, or a disk with a fault.'],
    todo: ['Mend the disk or make room, and start the service again; nothing that was answered is lost.'],
    example: { detail: 'The overflow store cannot be written: IO error: input/output error' },
  },
  JOURNAL_DAMAGED: {
    means:
      'The journal is damaged before its end, where messages that were answered may lie. The service does not start over that as if nothing had been.',
    because: [
      'The disk lost or changed what was written to it.',
      'Files of the journal were deleted, or an older copy put in their place.',
    ],
    todo: ['If there is a good copy or a snapshot, start that one.', VERIFY, REPAIR],
    example: {
      detail:
        'The journal data/journal/00000000000000000003.journal is damaged at byte 40960: its checksum does not match. Acknowledged records may be in it.',
    },
  },
  RUN_DAMAGED: {
    means: 'A file that holds the newest records of many partitions together is damaged.',
    because: ['The disk changed what was written to it.', 'It was copied while the service wrote to it.'],
    todo: [VERIFY, REPAIR, 'The records of other files are served meanwhile.'],
    example: { detail: 'data/runs/00000000000000000007.run is damaged: its checksum does not match.' },
  },
  CHECKPOINT_DAMAGED: {
    means:
      'The checkpoint, from which a start goes on, is damaged or missing, and there is no journal to tell the rest.',
    because: [
      'The folder `journal` was deleted or not copied along.',
      'The directory was put together from several backups.',
    ],
    todo: ['Copy the data directory whole: journal, topics and wheel belong together.', VERIFY, REPAIR],
    example: {
      detail:
        'The checkpoint data/checkpoint is damaged and there is no journal: what was acknowledged cannot be told.',
    },
  },
  SEGMENT_DAMAGED: {
    means: 'A file of a partition is damaged, shorter than it was, or missing. Its other records are served.',
    because: ['The disk lost what was written to it.', 'A file was deleted by hand to make room.'],
    todo: ['Go on reading behind the offsets that the answer names.', VERIFY, REPAIR],
    example: {
      detail: 'Offsets 40 to 79 are missing before data/topics/orders-0/00000000000000000080.log.',
      offset: 40,
    },
  },
  SLOT_DAMAGED: {
    means:
      'A file of one second of the timing wheel is damaged. Its messages stand in `__delay` too and are derived from there.',
    because: ['A bit flipped in it, or a power cut took bytes that the disk had not kept yet.'],
    todo: ['Nothing, if it passes: the slot is made anew. If it stays, start the service again and look at its log.'],
    example: {
      detail: 'The slot 1795514400 is damaged at byte 6: its checksum does not match.',
      second: 1_795_514_400,
    },
  },
  ENTRY_DAMAGED: {
    means: 'The record of a delayed message cannot be read. The message cannot be dispatched; all others are.',
    because: ['A part of `__delay` was changed on the disk.'],
    todo: ['Find out which message it was: `dwell dump` prints what is left of it. Publish it anew.', VERIFY, REPAIR],
    example: { detail: 'The entry at offset 512 of __delay is damaged.', offset: 512 },
  },
  OVERFLOW_LOST: {
    means:
      'Messages that are due beyond the wheel are missing in their store, and they stand nowhere else. The service does not start as if they had never been.',
    because: ['The folder `overflow` was deleted, replaced by an older one, or damaged.'],
    todo: [
      'Bring back the whole data directory from one backup, if there is one.',
      '`dwell repair DIRECTORY` says which span of due times is missing, and lets the service start without it.',
      'Publish anew what was due in that span; with an `id` nothing comes twice.',
    ],
    example: {
      detail:
        'The overflow store has 120 rows, 200 are needed: what is due from 2026-12-01T00:00:00.000Z may be missing.',
    },
  },
  CODEC_UNSUPPORTED: {
    means: 'A batch of records is compressed in a way that is not known here.',
    because: ['It was written by a newer program, or its header is damaged.'],
    todo: ['Read with a version that knows the codec.', VERIFY],
    example: {
      detail: 'The batch with offsets 0 to 9 is compressed by codec 7, which is not known.',
      offset: 0,
      lastOffset: 9,
    },
  },
  BATCH_TOO_LARGE: {
    means: 'A compressed batch would unpack to more than is kept in memory for one.',
    because: ['It was made to do so, or is damaged.'],
    todo: ['Read behind it: the answer names its last offset.', 'Look who wrote it, and with which client.'],
    example: {
      detail: 'The batch with offsets 0 to 9 unpacks to more than 268435456 bytes.',
      offset: 0,
      lastOffset: 9,
    },
  },
  FILE_DAMAGED: {
    means: 'A small file of the service, with a checksum of its own, does not hold what was written to it.',
    because: ['It was edited or cut.', 'The disk changed it.'],
    todo: ['Bring the file back from a copy; `path` names it.', VERIFY],
    example: { detail: 'data/identity is damaged: its checksum does not match.', path: 'data/identity' },
  },
  BATCH_DAMAGED: {
    means: 'A batch of records fails its checksum and is not served. The batches around it are.',
    because: ['A bit flipped on the disk, or bytes were written over it.'],
    todo: ['Read on behind `lastOffset`.', VERIFY, REPAIR],
    example: { detail: 'The batch with offsets 15 to 16 does not match its checksum.', offset: 15, lastOffset: 16 },
  },
  RECORD_DAMAGED: {
    means: 'A record lies in a batch that is whole, and cannot be read itself.',
    because: ['Another program wrote it, by another format.', 'A record of an internal topic is of a newer version.'],
    todo: ['If the service was set back to an older version, go back to the newer one.', VERIFY],
    example: { detail: 'The record at offset 12 of __groups is of no known form.', topic: '__groups', offset: 12 },
  },
  STORE_DAMAGED: {
    means: 'One of the LevelDB folders, in which ids and far messages are looked up, is damaged.',
    because: [
      'Its files were copied while the service ran, or some of them were deleted.',
      'The power went and the disk lost what it had confirmed.',
    ],
    todo: ['Start the service again: the index of ids is made anew by itself.', VERIFY, REPAIR],
    example: { detail: 'LevelDB in data/index is damaged: the file CURRENT is missing.', path: 'data/index' },
  },
  STORE_UNREADABLE: {
    means: 'One of the LevelDB folders can be neither read nor written at the moment. It is not said to be damaged.',
    because: ['Rights of the folder were changed.', 'The disk has a fault, or descriptors have run out.'],
    todo: ['Try again; if it stays, look at rights, descriptors and the log of the system.'],
    example: {
      detail: 'LevelDB in data/index cannot be read or written: IO error: permission denied.',
      path: 'data/index',
    },
  },
  ROW_DAMAGED: {
    means: 'A row of a LevelDB folder does not match the checksum that was written with it.',
    because: ['The disk changed it in a way that LevelDB does not notice.'],
    todo: [VERIFY, REPAIR],
    example: {
      detail: 'The row at data/overflow, key 000001a0c4506e0b0000000000000007 does not match its checksum.',
      path: 'data/overflow',
    },
  },
  INTERNAL: {
    means:
      'The service made a mistake. What it was stands in its log, with the id that the answer has as `X-Request-Id`.',
    because: ['There is a fault in the program.'],
    todo: [
      'Try again once; publish with an `id`, since the first try may have been done.',
      'Report it with the line of the log, the version, and what was asked.',
    ],
    example: { detail: 'The service failed; its log says why.' },
  },
} as const satisfies Partial<Record<ErrorCode, Advice>>
