// What each kind of file looks like in words.

import type { DumpOptions } from '../../service/cli/dump/line.ts'

export const GOLDEN: Record<string, { of: [path: string, options?: Partial<DumpOptions>]; prints: string[] }> = {
  'a journal file': {
    of: ['journal/00000000000000000001.journal', { limit: 2, records: true }],
    prints: [
      'journal file, 1,048,576 bytes: sequence 1, salt 020ffab2',
      'byte 4096  frame 1, 201 bytes, 1 part',
      '    __topics-0: offset 0, 1 record, 153 bytes, 2026-11-20T10:00:00.000Z',
      '        offset 0  2026-11-20T10:00:00.000Z  topic orders: id 1, 1 partition, keeps 1d, delete',
      'byte 8192  frame 2, 178 bytes, 1 part',
      '    __topics-0: offset 1, 1 record, 130 bytes, 2026-11-20T10:00:00.000Z',
      '        offset 1  2026-11-20T10:00:00.000Z  topic __delay: id 2, 1 partition, delete',
    ],
  },
  'the end of a journal file': {
    of: ['journal/00000000000000000001.journal', { fromByte: 100_000 }],
    prints: [
      'journal file, 1,048,576 bytes: sequence 1, salt 020ffab2',
      'byte 102400  the end: nothing was written behind; 0 frames printed',
    ],
  },
  'a segment': {
    of: ['topics/orders-0/00000000000000000000.log', { limit: 1, records: true, values: true }],
    prints: [
      'segment of orders-0, 9,846 bytes: record batches from offset 0 on',
      'byte 0  offsets 0 to 1, 2 records, 806 bytes, 2026-11-20T10:00:00.000Z',
      '    offset 0  2026-11-20T10:00:00.000Z  key "k0", value "0 ............................................................................................................................................................................................................................................................................................................................................................................................................................................................................................................................................................................................................................................................................................................................", kind: "test"',
      '    offset 1  2026-11-20T10:00:00.000Z  no key, value "short", kind: "test"',
    ],
  },
  'a segment from an offset on': {
    of: ['topics/orders-0/00000000000000000000.log', { fromOffset: 22 }],
    prints: [
      'segment of orders-0, 9,846 bytes: record batches from offset 0 on',
      'byte 8868  offsets 22 to 23, 2 records, 808 bytes, 2026-11-20T10:00:00.011Z',
      'byte 9676  offset 24, 1 record, 71 bytes, 2026-11-20T10:00:02.012Z',
      'byte 9747  offset 25, 1 record, 99 bytes, 2026-11-20T10:00:32.312Z',
      'byte 9846  the end: 3 batches, 4 records printed',
    ],
  },
  'the catalogue': {
    of: ['topics/__topics-0/00000000000000000000.log', { records: true }],
    prints: [
      'segment of __topics-0, 412 bytes: record batches from offset 0 on',
      'byte 0  offset 0, 1 record, 153 bytes, 2026-11-20T10:00:00.000Z',
      '    offset 0  2026-11-20T10:00:00.000Z  topic orders: id 1, 1 partition, keeps 1d, delete',
      'byte 153  offset 1, 1 record, 130 bytes, 2026-11-20T10:00:00.000Z',
      '    offset 1  2026-11-20T10:00:00.000Z  topic __delay: id 2, 1 partition, delete',
      'byte 283  offset 2, 1 record, 129 bytes, 2026-11-20T10:00:00.000Z',
      '    offset 2  2026-11-20T10:00:00.000Z  topic __mark: id 3, 1 partition, delete',
      'byte 412  the end: 3 batches, 3 records printed',
    ],
  },
  envelopes: {
    of: ['topics/__delay-0/00000000000000000000.log', { records: true, values: true }],
    prints: [
      'segment of __delay-0, 401 bytes: record batches from offset 0 on',
      'byte 0  offsets 0 to 2, 3 records, 186 bytes, 2026-11-20T10:00:00.012Z',
      '    offset 0  2026-11-20T10:00:00.012Z  message due 2026-11-20T10:10:00.012Z for orders (topic id 1), id 01m7w6yd6c0000000000000000, no key, value "near"',
      '    offset 1  2026-11-20T10:00:00.012Z  message due 2026-11-20T15:00:00.012Z for orders (topic id 1), own id "mine", no key, value "far"',
      '    offset 2  2026-11-20T10:00:00.012Z  message due 2026-11-20T10:00:00.062Z for orders (topic id 1), id 01m7w6c39y0000000000000002, no key, value "now"',
      'byte 186  offset 3, 1 record, 94 bytes, 2026-11-20T10:00:02.012Z',
      '    offset 3  2026-11-20T10:00:02.012Z  cancelled: offset 0, due 2026-11-20T10:10:00.012Z',
      'byte 280  offset 4, 1 record, 121 bytes, 2026-11-20T10:00:02.012Z',
      '    offset 4  2026-11-20T10:00:02.012Z  moved from offset 1, due 2026-11-20T15:00:00.012Z: message due 2026-11-20T10:10:00.500Z for orders (topic id 1), own id "mine", no key, value "far"',
      'byte 401  the end: 3 batches, 5 records printed',
    ],
  },
  marks: {
    of: ['topics/__mark-0/00000000000000000000.log', { records: true }],
    prints: [
      'segment of __mark-0, 116 bytes: record batches from offset 0 on',
      'byte 0  offset 0, 1 record, 116 bytes, 2026-11-20T10:00:02.012Z',
      '    offset 0  2026-11-20T10:00:02.012Z  consumed up to 3, hand at 2026-11-20T10:00:00.062Z offset 2, dispatched: orders-0 at 24',
      'byte 116  the end: 1 batch, 1 record printed',
    ],
  },
  'an offset index': {
    of: ['topics/orders-0/00000000000000000000.index'],
    prints: [
      'offset index from offset 0 on, 2 entries',
      'offset 13  the batch that ends with it begins at byte 4836',
      'offset 24  the batch that ends with it begins at byte 9676',
    ],
  },
  'a time index': {
    of: ['topics/orders-0/00000000000000000000.timeindex'],
    prints: [
      'time index from offset 0 on, 2 entries',
      '2026-11-20T10:00:00.006Z  the latest up to offset 13',
      '2026-11-20T10:00:02.012Z  the latest up to offset 24',
    ],
  },
  'metadata of a partition': {
    of: ['topics/orders-0/partition.metadata'],
    prints: ['metadata of a partition', 'version: 0', 'topic_id: ZHdlbGwtdG9waWMtAAAAAQ'],
  },
  'the checkpoint of the log': {
    of: ['checkpoint'],
    prints: [
      'checkpoint of the log (DWCP version 2), 1,287 bytes of contents',
      'written in boot boot-1',
      'replay begins in journal file 1 at byte 86016, with frame 21',
      '4 partitions with segments',
      'topic id 0 partition 0: log start 0, safe up to 3, segment 0 up to byte 412, 412 bytes in all, 412 bytes of its last sector kept',
      'topic id 1 partition 0: log start 0, safe up to 26, segment 0 up to byte 9846, 9,846 bytes in all, 118 bytes of its last sector kept',
      'topic id 2 partition 0: log start 0, safe up to 5, segment 0 up to byte 401, 401 bytes in all, 401 bytes of its last sector kept',
      'topic id 3 partition 0: log start 0, safe up to 1, segment 0 up to byte 116, 116 bytes in all, 116 bytes of its last sector kept',
    ],
  },
  'the checkpoint of the wheel': {
    of: ['wheel/checkpoint'],
    prints: [
      'checkpoint of the wheel (DWWC version 2), 175 bytes of contents',
      'written in boot boot-1',
      "the hand's clock was at 2026-11-20T10:00:02.312Z",
      '__delay is consumed up to offset 5',
      'overflow: 0 rows not moved, sequence 2, latest due 2026-11-20T15:00:00.012Z; moved up to 2026-11-20T12:00:00.000Z offset -1',
      '1 slot, 1 stretch of __delay',
      'slot 1795169400 (2026-11-20T10:10:00.000Z): 1 message, 187 bytes in its file',
      '__delay from offset 0: needed until 2026-11-20T10:10:00.500Z',
    ],
  },
  'the synced checkpoint of the wheel': {
    of: ['wheel/checkpoint.synced'],
    prints: [
      'synced checkpoint of the wheel (DWWS version 1), 380 bytes of contents',
      '1 slot with a copy of their last sector',
      'written in boot boot-1',
      "the hand's clock was at 2026-11-20T10:00:02.312Z",
      '__delay is consumed up to offset 5',
      'overflow: 0 rows not moved, sequence 2, latest due 2026-11-20T15:00:00.012Z; moved up to 2026-11-20T12:00:00.000Z offset -1',
      '1 slot, 1 stretch of __delay',
      'slot 1795169400 (2026-11-20T10:10:00.000Z): 1 message, 187 bytes in its file',
      '__delay from offset 0: needed until 2026-11-20T10:10:00.500Z',
    ],
  },
  'a slot': {
    of: ['wheel/slots/1795169400.slot', { values: true }],
    prints: [
      'slot of 2026-11-20T10:10:00.000Z, 187 bytes',
      'byte 6  offset 0  message due 2026-11-20T10:10:00.012Z for orders (topic id 1), id 01m7w6yd6c0000000000000000, no key, value "near"',
      'byte 64  offset 3  cancelled: offset 0, due 2026-11-20T10:10:00.012Z',
      'byte 110  offset 4  moved from offset 1, due 2026-11-20T15:00:00.012Z: message due 2026-11-20T10:10:00.500Z for orders (topic id 1), own id "mine", no key, value "far"',
      'byte 187  the end: 3 entries printed',
    ],
  },
  overflow: {
    of: ['overflow', { values: true }],
    prints: [
      'LevelDB store',
      'batch 1 is there',
      'batch 2 is there',
      'offset 0 due 2026-11-20T10:10:00.012Z: cancelled by the entry at offset 3',
      'offset 1 due 2026-11-20T15:00:00.012Z: moved to offset 4 due 2026-11-20T10:10:00.500Z',
      'ledger: sequence 2, batches from 1',
      'the end: 5 rows printed',
    ],
  },
  'the index of ids': {
    of: ['index'],
    prints: [
      'LevelDB store',
      'id "mine" of topic id 3: pending since 2026-11-20T10:00:32.312Z, due 2026-11-20T10:00:32.312Z, offset 1 of __delay',
      'the end: 1 row printed',
    ],
  },
  'the owner': {
    of: ['owner.json'],
    prints: ['the owner of the directory, while it is in use', '{"pid":4711,"host":"a","startedAtMs":1790000000000}'],
  },
  'the identity': {
    of: ['identity'],
    prints: ['identity (DWID version 1), 49 bytes of contents', '{"clusterId":"9f","host":"a","path":"/var/dwell"}'],
  },
  'how far a partition is cleaned': {
    of: ['cleaned'],
    prints: [
      'how far a partition is cleaned (DWCL version 1), 24 bytes of contents',
      'cleaned up to offset 40, gaps are right before offset 30, no tombstone waits',
    ],
  },
  'a run': {
    of: ['runs/00000000000000000003.run'],
    prints: ['run 3, 113 bytes: 1 partition', 'byte 52  topic id 1 partition 0: offsets 5 to 6, 61 bytes'],
  },
}
