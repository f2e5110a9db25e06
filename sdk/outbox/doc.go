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
// What is durable when:
//
//   - What a Commit that returned nil covered survives a crash and a power cut,
//     if the disk does what fdatasync asks of it. What was only appended may be
//     lost or kept, each record by itself.
//   - Commit is the group: one write and one fdatasync for each lane that has
//     something, whatever the number of records. The outbox commits by nothing
//     but the caller's calls and has no timer; the interval is the caller's to
//     choose (sdk.Config.Every), and what it costs is in the wear table below.
//   - The account of a drop is durable before what it tells of goes.
//
// What a power cut or a crash can cost:
//
//   - Everything since the last Commit, and that an acknowledged record is
//     handed out again, under the id it had; receivers drop duplicates. After
//     a Close without error it is not, unless acknowledgements are so scattered
//     (two thousand runs a lane) that not all of them are written down.
//   - A dropped segment may be there again if the cut came before the Commit
//     after DropOldest returned, whether its account is durable or not.
//   - An id that a Commit covered is never given to another record, unless
//     damage took what said so. An id that was only appended may be, after a
//     crash that lost the record. A record is never handed out twice by one
//     Reader.
//
// How much disk, and what goes first:
//
//   - Disk use stays within Config.MaxBytes. At the bound Append says ErrFull,
//     and DropOldest gives up the oldest segment of data. Alerts, anchors and
//     accounts have a reserve that data cannot take, may take data's room too,
//     and are never dropped: it is the caller's to keep accounts few.
//   - The file system keeps Config.Headroom and Config.HeadroomFiles: when a
//     new file would go below, Append says ErrHeadroom for data, until others
//     give room back, what was stored is acknowledged, or DropOldest makes a file
//     free. Until then the caller publishes from memory and says so (sdk does). Data still
//     goes into the files that are there. Alerts, anchors and accounts
//     may use the headroom up.
//   - When it is used up, to the last byte or the last inode, the urgent lane
//     has one more file, which it took beforehand. When that is full, Commit
//     fails with the error of the disk, and what was appended stays in memory
//     (a segment's worth a lane, then ErrUncommitted) until there is room. A
//     commit of the urgent lane that fails keeps the data behind it, because an
//     anchor must be durable before what is sealed under it. Files that are
//     there are never in need of new blocks.
//
// What a failing disk costs:
//
//   - Damage costs the records it is in. They are counted, reported by
//     TakeDamage for a signed event, never guessed at, and never need an
//     operator: a damaged segment is kept aside as a .bad file when all else in
//     it is done with, at most four, in room nobody else wants. A write cut
//     short at the end is cut off.
//   - A failed write or fdatasync is never repeated on the same file: the
//     records are still in memory and go to a new segment. A commit that fails
//     may have stored a part, the urgent lane first; a record of it that is
//     not stored is handed out when a later Commit, or Open after a crash,
//     finds it there, and then once, under its id.
//   - A disk that cannot be read is damaged where it is only if it can be
//     written meanwhile. Else it is gone, ErrUnread says so, and nothing is
//     given up. On a disk that became read-only all that waits can be read.
//
// Who may take a record out: whoever calls Ack, which is after the broker's
// acknowledgement or, where receivers sign for what they have (sdk.Config.Receipts),
// after theirs. Receivers name runs of sequence numbers; Sift finds the records
// without an index that would grow with the backlog. A Feed hands out again what got
// lost on its way.
//
// Memory: what is not committed (at most a segment's worth a lane), one bit a
// record, and what each Reader has in hand. No backlog is ever loaded.
//
// # The rigs
//
// Every test prints its seed. What each run does in a few seconds, these do in
// full:
//
//	OUTBOX_CUTS=10000 go test -run PowerCut ./sdk/outbox    cuts of the power, a quarter of them during recovery
//	OUTBOX_STRIDE=1 go test -run Failpoint ./sdk/outbox     every operation fails, is the last of a process, of a boot
//	OUTBOX_STRIDE=1 go test -run EveryByte ./sdk/outbox     every byte of every file changed
//	OUTBOX_KILLS=10000 go test -run Kill ./sdk/outbox       SIGKILL of a real process; TMPDIR in memory makes it cheap
//	OUTBOX_OPEN_MIB=1,4096 go test -run OpenReads ./sdk/outbox
//	OUTBOX_WEAR=150 go test -run Wear ./sdk/outbox          as root
//	scripts/powercut -commits 400 -cuts 1000                a real kernel's ext4 and its log of what reached the disk
//
// What they found last, nothing lost and nothing doubled in any of them:
//
//	SIGKILL of a process      10,000 kills,  766,505 records
//	scripts/powercut, arm64    1,000 cuts,     2,678 records in 400 commits, 920 flushes and writes with FUA
//
// An outbox that syncs no file fails scripts/powercut at once (-careless): of 20 cuts
// 15 cost what was promised.
//
// # Wear
//
// Bytes that reach the block device, records of 350 bytes with their topic, ext4
// with its journal on a loop device of its own (OUTBOX_WEAR=150 go test -run Wear).
// The floor is a bare append and fdatasync into a preallocated file on the same
// file system. Offline means that the backlog grows, drained that what is stored
// is soon acknowledged and its segments are used again: to write over blocks that
// were written before changes no metadata.
//
//	               bytes a commit           bytes a byte stored     offline
//	records  rate  floor  offline  drained  floor  offline  drained of floor
//	      1   1/s   6991     7018     6663  19.97    20.05    19.04    1.004
//	     10   1/s  18295    20398    10704   5.23     5.83     3.06    1.115
//	    100   1/s  51528    57535    47350   1.47     1.64     1.35    1.117
//	      1  10/s   5505     5726     4787  15.73    16.36    13.68    1.040
//	     10  10/s  18113    20368     8503   5.18     5.82     2.43    1.125
//	    100  10/s  51397    57519    45239   1.47     1.64     1.29    1.119
//	      1 100/s   5497     5724     4546  15.71    16.35    12.99    1.041
//	     10 100/s  18104    20378     8231   5.17     5.82     2.35    1.126
//	    100 100/s  51387    57457    44938   1.47     1.64     1.28    1.118
//
// # Why a log of its own and not bbolt
//
// The same records, bytes a byte stored, 3,000 commits (go test -bench Commit):
//
//	records a commit      1      10     100
//	outbox, drained   12.96    2.34    1.28
//	bbolt, drained    35.16    4.69    1.64
//	outbox, offline   16.41    5.82    1.64
//	bbolt, offline    75.30   14.00    2.47
//
// Counted by strace for 500 commits of 10 records and the set-up: outbox 514
// fdatasyncs and 518 writes (one of each a commit and lane), bbolt 1,001 and
// 2,001. Appending and committing allocates nothing in the steady state but a
// frame of acknowledgements now and then; bbolt 49 to 1,215 allocations a
// commit.
//
// Open takes the time of reading one segment a lane, whatever the backlog: with
// segments of 16 MiB (the default for 256 MiB is 4 MiB) it read 16.8 MB in 77 ms
// at 1 MiB and 17.9 MB in 36 ms at 4 GiB, and kept 44 KB of heap for 4 GiB
// (OUTBOX_OPEN_MIB=1,4096 go test -run OpenReads). bbolt opens in 0.3 to 2.6 ms,
// which is the one thing it does better.
package outbox
