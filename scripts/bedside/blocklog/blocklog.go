// Package blocklog reads what device-mapper's target log-writes has logged of a
// block device, and makes of it the disks that a power cut may leave.
//
// The log (Documentation/admin-guide/device-mapper/log-writes.rst of the kernel, and
// the comments of drivers/md/dm-log-writes.c) is a sector with a header and then
// entries, of one sector each, each followed by the data written. All numbers are
// little-endian:
//
//	header  magic 0x6a736677736872, version 1, number of entries; 8 bytes each;
//	        size of a sector, 4 bytes
//	entry   first sector, number of sectors, flags, length of a mark; 8 bytes each;
//	        the text of a mark
//
// Writes are logged in the order in which they were completed, and only when a flush
// has made them durable: what stands before a flush is on the medium, and what
// stands between one and the next was written between them and could be in the
// disk's cache, any part of it in any order. A write with FUA is logged, and durable,
// once it is completed.
package blocklog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Flags of an entry.
const (
	Flush    = 1 << 0 // what stands before it is durable
	FUA      = 1 << 1 // it is durable itself
	Discard  = 1 << 2 // no data: the sectors are not in use any more
	Mark     = 1 << 3 // not of the disk: a word of who runs the experiment
	Metadata = 1 << 4 // the file system's own
)

// Entry is a write, or a mark.
type Entry struct {
	Flags  uint64
	Offset int64  // in bytes
	Data   []byte // what was written; nil for a discard, a bare flush and a mark
	Word   string // of a mark
}

const (
	magic       = 0x6a736677736872
	version     = 1
	headerBytes = 28
	entryBytes  = 32
	sectorBytes = 512     // other sizes are not read
	maxSectors  = 1 << 14 // one write; the kernel's are of 1 MiB or so
)

// Read reads a log, as far as its header says that it reaches.
func Read(r io.Reader) ([]Entry, error) {
	le := binary.LittleEndian
	head := make([]byte, sectorBytes)
	if _, err := io.ReadFull(r, head); err != nil || le.Uint64(head) != magic {
		return nil, errors.New("block log: not a log of log-writes")
	}
	if v := le.Uint64(head[8:]); v != version {
		return nil, fmt.Errorf("block log: version %d is not known", v)
	}
	count, sector := le.Uint64(head[16:]), le.Uint32(head[24:])
	if sector != sectorBytes {
		return nil, fmt.Errorf("block log: sectors of %d bytes are not of %d", sector, sectorBytes)
	}
	var entries []Entry
	for n := range count {
		e, err := readEntry(r, head)
		if err != nil {
			return nil, fmt.Errorf("block log: entry %d of %d: %w", n, count, err)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// readEntry reads one entry. head is room for a sector.
func readEntry(r io.Reader, head []byte) (e Entry, err error) {
	le := binary.LittleEndian
	if _, err := io.ReadFull(r, head); err != nil {
		return e, err
	}
	first, sectors, word := le.Uint64(head), le.Uint64(head[8:]), le.Uint64(head[24:])
	e.Flags = le.Uint64(head[16:])
	if first > 1<<40 || sectors > maxSectors && e.Flags&Discard == 0 || word > sectorBytes-entryBytes {
		return e, fmt.Errorf("sector %d, %d sectors and a mark of %d bytes are no entry", first, sectors, word)
	}
	e.Offset = int64(first) * sectorBytes
	switch {
	case e.Flags&Mark != 0:
		e.Word = string(head[entryBytes : entryBytes+word])
	case e.Flags&Discard == 0 && sectors > 0:
		e.Data = make([]byte, sectors*sectorBytes)
		_, err = io.ReadFull(r, e.Data)
	}
	return e, err
}
