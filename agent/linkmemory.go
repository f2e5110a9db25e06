package agent

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"github.com/vitalseal/vitalseal/firmware-bridge/link"
)

// linkSession is how far a session of a link has come.
type linkSession struct {
	KeyID   link.KeyID
	Session uint32 // 0: none
	Next    uint32 // all below is on disk

	// Readings that the sensor says it dropped: in its heartbeats and batches, and
	// how many of them have been recorded.
	Told, Dropped uint32
}

// linkMemory is a file that remembers a session, so that after a restart the
// sensor goes on where its readings are on disk. It is written when they are, and
// before they are acknowledged: a power cut in between has at most one window of
// frames come twice. (Of sealed ones a receiver notices that.)
//
// The file has two slots of 64 bytes, written in turn, so that a write cut short
// leaves the one before:
//
//	"VSL1", writes u64, kid 8 bytes, session u32, next u32, told u32, dropped u32, CRC-32C u32
//
// with integers big-endian and the CRC over all before it. The slot that was
// written later counts.
type linkMemory struct {
	file   *os.File
	writes uint64
	last   linkSession
}

const (
	memorySlot = 64
	memorySize = 4 + 8 + 8 + 4*4 + 4
	memoryMark = "VSL1"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// openLinkMemory opens the memory of a device, or makes it. One that cannot be
// read remembers nothing: the sensor sends again what it still keeps.
func openLinkMemory(dir, device string) (*linkMemory, error) {
	path := filepath.Join(dir, "link-"+device)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("memory of the link: %w", err)
	}
	m := &linkMemory{file: file}
	if err := m.read(); err != nil {
		return nil, errors.Join(fmt.Errorf("memory of the link: %w", err), file.Close())
	}
	return m, nil
}

func (m *linkMemory) read() error {
	var all [2 * memorySlot]byte
	n, err := m.file.ReadAt(all[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	for slot := range 2 {
		writes, session, ok := parseMemory(all[slot*memorySlot:][:memorySize])
		if ok && n >= slot*memorySlot+memorySize && writes > m.writes {
			m.writes, m.last = writes, session
		}
	}
	return nil
}

func parseMemory(b []byte) (writes uint64, s linkSession, ok bool) {
	be := binary.BigEndian
	if string(b[:4]) != memoryMark || be.Uint32(b[memorySize-4:]) != crc32.Checksum(b[:memorySize-4], castagnoli) {
		return 0, s, false
	}
	s.KeyID = link.KeyID(b[12:20])
	s.Session, s.Next, s.Told, s.Dropped = be.Uint32(b[20:]), be.Uint32(b[24:]), be.Uint32(b[28:]), be.Uint32(b[32:])
	return be.Uint64(b[4:]), s, true
}

// store returns when s is on disk.
func (m *linkMemory) store(s linkSession) error {
	if s == m.last {
		return nil
	}
	be := binary.BigEndian
	b := make([]byte, 0, memorySlot)
	b = be.AppendUint64(append(b, memoryMark...), m.writes+1)
	b = append(b, s.KeyID[:]...)
	for _, v := range []uint32{s.Session, s.Next, s.Told, s.Dropped} {
		b = be.AppendUint32(b, v)
	}
	b = be.AppendUint32(b, crc32.Checksum(b, castagnoli))
	if _, err := m.file.WriteAt(b[:memorySlot], int64(m.writes%2)*memorySlot); err != nil {
		return fmt.Errorf("memory of the link: %w", err)
	}
	if err := m.file.Sync(); err != nil {
		return fmt.Errorf("memory of the link: %w", err)
	}
	m.writes++
	m.last = s
	return nil
}

func (m *linkMemory) close() error { return m.file.Close() }
