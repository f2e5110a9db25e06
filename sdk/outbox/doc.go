// Package outbox is a durable, ordered, bounded queue of sealed envelopes on
// their way to a broker. It is a log of its own in a directory of its own,
// described in FORMAT.md; nothing unsealed ever touches the disk.
//
// # Words
//
// A record is one envelope with its topic. Records live in two lanes, each a
// log: the urgent lane (alerts, anchors, accounts of drops) and the data lane.
// A lane is a row of segments, files of one size. A commit makes everything
// appended before it durable at once.
//
// # The promise
//
//   - What Commit covered survives a crash and a power cut, if the disk does
//     what fdatasync asks of it. What was only appended may be lost or kept.
//   - After a crash an acknowledged record may be handed out again, under the
//     id it had; receivers drop duplicates. After a Close without error it is
//     not. A record is never handed out twice by one Reader.
//   - An id that a Commit covered is never given to another record, unless
//     damage took what said so. An id that was only appended may be, after a
//     crash that lost the record.
//   - Disk use stays within Config.MaxBytes. At the bound Append says ErrFull,
//     and DropOldest gives up the oldest segment of data, whose account is
//     durable before the data goes. Alerts, anchors and accounts have a reserve
//     that data cannot take, may take data's room too, and are never dropped.
//   - Damage costs the records it is in. They are counted, never guessed at,
//     and never need an operator. A write cut short at the end is cut off.
//   - A failed write or fdatasync is never repeated on the same file: the
//     records are still in memory and go to a new segment. A commit that fails
//     may have stored a part, the urgent lane first; a record of it that is
//     not stored is handed out when a later Commit, or Open after a crash,
//     finds it durable, and then once, under its id.
//
// Memory: what is not committed (at most a segment's worth a lane), one bit a
// record, and what each Reader has in hand. No backlog is ever loaded.
//
// # Why a log of its own and not bbolt
//
// Bytes that reached the disk for each byte stored, records of 350 bytes with
// their topic, ext4 with its journal on a disk of its own, 3,000 commits
// (go test -bench Commit; floor: bare append and fdatasync over blocks that
// were written before):
//
//	records a commit          1      10     100
//	floor                 12.71    2.17    1.12
//	append, preallocated  15.72    5.17    1.34
//	outbox, drained       12.96    2.34    1.28
//	bbolt, drained        35.16    4.69    1.64
//	outbox, offline       16.41    5.82    1.64
//	bbolt, offline        75.30   14.00    2.47
//
// Drained means that what is stored is soon acknowledged, offline that the
// backlog grows. Counted by strace for 500 commits of 10 records and the set-up:
// outbox 514 fdatasyncs and 518 writes (one of each a commit and lane), bbolt
// 1,001 and 2,001. Drained, segments are recycled: to write over blocks that were written before changes no metadata. Offline,
// each segment is a new preallocated file, and ext4 journals its extents as
// they are first written; zeroing a file beforehand would only move that cost.
//
// Open takes the time of reading one segment a lane, whatever the backlog:
// 37, 33 and 39 ms at 1 MiB, 64 MiB and 1 GiB with segments of 16 MiB (the
// default for 256 MiB is 4 MiB); bbolt 0.3, 2.6 and 1.0 ms, which is the one
// thing it does better (OUTBOX_OPEN_MIB=1,64,1024 go test -bench Open).
// Appending and committing allocates nothing in the steady state but a frame
// of acknowledgements now and then; bbolt 49 to 1,215 allocations a commit.
package outbox
