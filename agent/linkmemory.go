package agent

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/vitalseal/vitalseal/firmware-bridge/link"
	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// linkSession is how far a session of a link has come.
type linkSession struct {
	KeyID   link.KeyID
	Session uint32 // 0: none
	Next    uint32 // all below is on disk

	// Readings that the sensor says it dropped: in its heartbeats and batches, and
	// how many of them have been recorded.
	Told, Dropped uint32

	// Alarms are stored ahead of readings: those of the frames up to Alerts.Frame
	// are on disk, of that one the first Alerts.Count.
	Alerts alertMark

	// Carried is the newest message, of a sensor that seals for itself.
	Carried sdk.Carried
}

// alertMark is how far the alarms of a session have come.
type alertMark struct{ Session, Frame, Count uint32 }

// linkMemory is a file that remembers a session, so that after a restart the
// sensor goes on where its readings are on disk. It is written before they are:
// it says "this far, if the outbox holds record X". At the start that decides, and
// so the readings of a frame are taken once, wherever a crash has come between.
// Of a sensor that seals for itself it is written after, with X zero: a message that
// is carried twice is one for receivers.
//
// The file has two slots of 128 bytes. What is known to be true is not written over
// before something later is:
//
//	"VSL2", writes u64, record u64, kid 8 bytes, session u32, next u32, told u32, dropped u32,
//	alerts: session u32, frame u32, count u32; carried: eid 8 bytes, seq u64, head 16 bytes, boot u64,
//	CRC-32C u32
//
// with integers big-endian and the CRC over all before it. Of two slots that are true
// the one that was written later counts. linkMemory implements sdk.Journal.
type linkMemory struct {
	file *os.File
	fail failpoint

	disk   sync.Mutex // held while the file is written; before mu
	writes uint64

	mu      sync.Mutex
	slot    int           // the one that is true; the other is written next
	last    memoryIntent  // what it says
	intent  *memoryIntent // what the other says; nil: it may say anything
	owed    *memoryIntent // true, and not written
	unknown bool          // nothing that the file said was true
}

// memoryIntent is what is true when a record is.
type memoryIntent struct {
	session linkSession
	record  uint64
	serial  uint64 // of the newest token in it; not in the file
}

// failpoint is told where the memory is; tests kill the process there.
type failpoint func(at string)

func (f failpoint) at(where string) {
	if f != nil {
		f(where)
	}
}

const (
	memorySlot = 128
	memorySize = 4 + 8 + 8 + 8 + 4*4 + 3*4 + 8 + 8 + 16 + 8 + 4
	memoryMark = "VSL2"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// openLinkMemory opens the memory of a device, or makes it. One that cannot be
// read remembers nothing: the sensor sends again what it still keeps. What is not
// true, because stored denies its record, is struck out, so that it does not become
// true when the record's id is given to another.
func openLinkMemory(dir, device string, stored sdk.Recover) (*linkMemory, error) {
	path := filepath.Join(dir, "link-"+device)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("memory of the link: %w", err)
	}
	m := &linkMemory{file: file}
	if err := m.read(stored); err != nil {
		return nil, errors.Join(fmt.Errorf("memory of the link: %w", err), file.Close())
	}
	return m, nil
}

func (m *linkMemory) read(stored sdk.Recover) error {
	var all [2 * memorySlot]byte
	n, err := m.file.ReadAt(all[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	var best uint64 // when what is true was written
	var struck []int
	for slot := range 2 {
		writes, it, ok := parseMemory(all[slot*memorySlot:][:memorySize])
		if !ok || n < slot*memorySlot+memorySize {
			continue
		}
		m.writes = max(m.writes, writes)
		if it.record != 0 {
			if ok, err = stored(it.record); err != nil {
				return err
			}
		}
		if !ok {
			struck = append(struck, slot)
		} else if writes > best {
			best, m.slot, m.last = writes, slot, memoryIntent{session: it.session}
		}
	}
	m.unknown = best == 0 && len(struck) > 0
	for _, slot := range struck {
		if err := m.write(slot, &m.last); err != nil {
			return err
		}
		m.slot = slot
	}
	return nil
}

func parseMemory(b []byte) (writes uint64, it memoryIntent, ok bool) {
	be := binary.BigEndian
	if string(b[:4]) != memoryMark || be.Uint32(b[memorySize-4:]) != crc32.Checksum(b[:memorySize-4], castagnoli) {
		return 0, it, false
	}
	s := &it.session
	s.KeyID = link.KeyID(b[20:28])
	for i, v := range []*uint32{&s.Session, &s.Next, &s.Told, &s.Dropped, &s.Alerts.Session, &s.Alerts.Frame, &s.Alerts.Count} {
		*v = be.Uint32(b[28+4*i:])
	}
	c := &s.Carried
	c.EID, c.Seq, c.Head, c.Boot = seal.EID(b[56:64]), be.Uint64(b[64:]), seal.Head(b[72:88]), be.Uint64(b[88:])
	it.record = be.Uint64(b[12:])
	return be.Uint64(b[4:]), it, true
}

// write returns when a slot is on disk. m.disk is held, or m is new.
func (m *linkMemory) write(slot int, it *memoryIntent) error {
	be := binary.BigEndian
	b := make([]byte, 0, memorySlot)
	b = be.AppendUint64(append(b, memoryMark...), m.writes+1)
	b = be.AppendUint64(b, it.record)
	s := &it.session
	b = append(b, s.KeyID[:]...)
	for _, v := range []uint32{s.Session, s.Next, s.Told, s.Dropped, s.Alerts.Session, s.Alerts.Frame, s.Alerts.Count} {
		b = be.AppendUint32(b, v)
	}
	c := &s.Carried
	b = be.AppendUint64(append(b, c.EID[:]...), c.Seq)
	b = be.AppendUint64(append(b, c.Head[:]...), c.Boot)
	b = be.AppendUint32(b, crc32.Checksum(b, castagnoli))
	m.writes++ // also if it fails: who knows what is in the slot
	if _, err := m.file.WriteAt(b[:memorySlot], int64(slot)*memorySlot); err != nil {
		return fmt.Errorf("memory of the link: %w", err)
	}
	if err := m.file.Sync(); err != nil {
		return fmt.Errorf("memory of the link: %w", err)
	}
	return nil
}

// offered is the token of a frame of readings.
type offered struct {
	session linkSession // after it
	skipped uint32      // alarms of it that were on disk before
	serial  uint64
}

// Intend implements sdk.Journal.
func (m *linkMemory) Intend(p sdk.Progress, record uint64) error {
	m.disk.Lock()
	defer m.disk.Unlock()
	m.fail.at("before")
	m.mu.Lock()
	it, slot := m.after(p, record), 1-m.slot
	m.intent = nil
	m.mu.Unlock()
	if err := m.write(slot, it); err != nil {
		return err
	}
	m.mu.Lock()
	m.intent = it
	m.mu.Unlock()
	m.fail.at("noted")
	return nil
}

// Committed implements sdk.Journal.
func (m *linkMemory) Committed(p sdk.Progress, record uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail.at("committed")
	it := m.after(p, record)
	if m.intent == nil || *m.intent != *it {
		m.owed = it
		return
	}
	m.slot, m.last = 1-m.slot, *it
	m.intent, m.owed = nil, nil
}

// after returns how far the session has come with p. m.mu is held.
func (m *linkMemory) after(p sdk.Progress, record uint64) *memoryIntent {
	token := p.Token.(offered) // the agent's own
	now := m.last
	if m.owed != nil {
		now = *m.owed
	}
	s, frame := token.session, token.session.Next-1
	if p.Alerts > 0 {
		now.session.Alerts = alertMark{s.Session, frame, token.skipped + uint32(p.Alerts)}
		return &memoryIntent{now.session, record, now.serial}
	}
	s.Alerts = alertMark{}
	if a := now.session.Alerts; a.Session == s.Session && int32(a.Frame-frame) > 0 {
		s.Alerts = a // of frames that come after
	}
	return &memoryIntent{s, record, token.serial}
}

// flush writes what is true and could not be noted before.
func (m *linkMemory) flush() error {
	m.mu.Lock()
	owed := m.owed
	m.mu.Unlock()
	if owed == nil {
		return nil
	}
	return m.put(owed)
}

// store returns when s, which is true, is on disk.
func (m *linkMemory) store(s linkSession) error {
	if now, _ := m.position(); now == s {
		return nil
	}
	return m.put(&memoryIntent{session: s})
}

// put writes what is true.
func (m *linkMemory) put(it *memoryIntent) error {
	m.disk.Lock()
	defer m.disk.Unlock()
	m.mu.Lock()
	slot := 1 - m.slot
	m.intent = nil // written over
	m.mu.Unlock()
	if err := m.write(slot, &memoryIntent{session: it.session}); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.slot, m.last = slot, *it
	if m.owed == it {
		m.owed = nil
	}
	return nil
}

// position returns what is true and on disk, and the newest token in it.
func (m *linkMemory) position() (s linkSession, serial uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last.session, m.last.serial
}

func (m *linkMemory) close() error { return m.file.Close() }
