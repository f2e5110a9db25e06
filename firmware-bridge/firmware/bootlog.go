package firmware

import (
	"errors"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// ErrBootLog reports that the boot log cannot be relied on or cannot be written.
// The device must not seal.
var ErrBootLog = errors.New("firmware: no boot log that can be relied on")

// bootLog is the device's memory of its anchors. Its model is three pages, and
// a step (a record's place) in them that is current: the valid boot record with
// the highest counter. FORMAT.md says why every state that a power cut leaves
// has one.
//
// Buffers are fields because arguments of an interface's methods escape.
type bootLog struct {
	slot  Slot
	base  int64 // of the slot's pages within the device
	page  int64 // length of a page
	step  int64 // length of a record's place
	steps int64 // in a page

	now  record    // the current boot record
	at   int64     // its offset from base
	head seal.Head // of the anchor of now.boot, zero if it is not known

	buf [maxWriteBlock]byte
	old record // scratch of scan
}

// init finds the geometry and reads the identity.
func (l *bootLog) init(slot Slot, id *identity) error {
	size := SlotSize(slot.WriteBlockSize(), slot.EraseBlockSize())
	if size == 0 || slot.Size() < size {
		return errGeometry
	}
	*l = bootLog{slot: slot, page: size / 3, step: max(recordSize, slot.WriteBlockSize())}
	l.base = (slot.Size() - size) / slot.EraseBlockSize() * slot.EraseBlockSize()
	l.steps = l.page / l.step
	b, err := l.read(0, identityUsed)
	if err != nil {
		return err
	}
	err = id.parse(b)
	clear(l.buf[:])
	return err
}

// places returns the offset of the i-th place of a record: the one that
// provisioning wrote, then those of the two pages of the log.
func (l *bootLog) place(i int64) int64 {
	if i == 0 {
		return identitySize
	}
	i--
	return l.page + i/l.steps*l.page + i%l.steps*l.step
}

// places is how many there are.
func (l *bootLog) places() int64 { return 1 + 2*l.steps }

// scan finds the current record, of which there must be one.
func (l *bootLog) scan(kid keys.KeyID) error {
	l.now.erase()
	l.now = record{}
	l.at = -1
	defer l.forget()
	for i := range l.places() {
		b, err := l.read(l.place(i), recordSize)
		if err != nil {
			return err
		}
		if l.old.parse(b) && l.old.kind == kindBoot && l.old.kid == kid && (l.at < 0 || l.old.boot > l.now.boot) {
			l.now, l.at = l.old, l.place(i)
		}
	}
	if l.at < 0 {
		return ErrBootLog
	}
	return l.findHead(kid)
}

func (l *bootLog) findHead(kid keys.KeyID) error {
	l.head = seal.Head{}
	for i := range l.places() {
		b, err := l.read(l.place(i), recordSize)
		if err != nil {
			return err
		}
		if l.old.parse(b) && l.old.kind == kindAnchor && l.old.kid == kid && l.old.boot == l.now.boot {
			l.head = l.old.head
		}
	}
	return nil
}

// forget erases what scratch memory holds of keys.
func (l *bootLog) forget() {
	clear(l.buf[:])
	l.old.erase()
}

// advance makes the counter boot and the key of the generation to come durable,
// and then overwrites every other key in the slot. On an error nothing may be
// sealed under boot or the generation before; the next attempt takes others.
func (l *bootLog) advance(boot uint64, generation uint32, key *[keys.SecretSize]byte) error {
	defer l.forget()
	l.old = record{kind: kindBoot, kid: l.now.kid, boot: boot, generation: generation, key: *key}
	if err := l.putNext(false); err != nil {
		return err
	}
	if l.scrub() == nil {
		return nil
	}
	// A place of this page cannot be overwritten: worn out, or memory that does
	// not allow it. With the record in the other page, this one can be erased.
	l.old = record{kind: kindBoot, kid: l.now.kid, boot: boot, generation: generation, key: *key}
	if err := l.putNext(true); err != nil {
		return err
	}
	return l.scrub()
}

// putNext writes l.old, a boot record, which then is the current one.
func (l *bootLog) putNext(turn bool) error {
	at, err := l.room()
	if err == nil && (at < 0 || turn) {
		at, err = l.turn()
	}
	if err != nil {
		return err
	}
	if err := l.put(at); err != nil {
		return err
	}
	l.now, l.at, l.head = l.old, at, seal.Head{}
	l.now.erase() // the caller has it
	return nil
}

// note stores the head of the anchor that the current record was written for,
// so that the next start can name it as the chain before. It is not stored where
// that would take an erasure.
func (l *bootLog) note(head seal.Head) error {
	defer l.forget()
	l.head = head
	l.old = record{kind: kindAnchor, kid: l.now.kid, boot: l.now.boot, head: head}
	at, err := l.room()
	if err != nil || at < 0 {
		return err
	}
	return l.put(at)
}

// put writes l.old at an offset and reads it back: memory that is worn out or
// locked does not say so.
func (l *bootLog) put(at int64) error {
	for i := range l.buf {
		l.buf[i] = 0xff
	}
	l.old.append(l.buf[:0])
	if err := l.write(at); err != nil {
		return err
	}
	b, err := l.read(at, recordSize)
	if err != nil {
		return err
	}
	check := l.old
	same := l.old.parse(b) && l.old == check
	check.erase()
	if !same {
		return ErrBootLog
	}
	return nil
}

// room returns the offset of the place after the last that is in use in the page
// of the current record, or -1 if there is none. A place of another page that
// looks erased is never used: a cut may have interrupted the erasing.
func (l *bootLog) room() (int64, error) {
	page := l.at / l.page * l.page
	if page == 0 {
		return -1, nil
	}
	for i := l.steps - 1; i >= 0; i-- {
		blank, err := l.holds(page+i*l.step, 0xff)
		if err != nil {
			return 0, err
		}
		if !blank && i == l.steps-1 {
			return -1, nil
		}
		if !blank {
			return page + (i+1)*l.step, nil
		}
	}
	return -1, nil // not reached: the current record is in this page
}

// turn erases the page of the log that does not have the current record, and
// returns its first place.
func (l *bootLog) turn() (int64, error) {
	other := l.page
	if l.at/l.page == 1 {
		other = 2 * l.page
	}
	return other, l.erasePage(other)
}

// erasePage erases a page and looks at every byte of it.
func (l *bootLog) erasePage(at int64) error {
	block := l.slot.EraseBlockSize()
	if l.slot.EraseBlocks((l.base+at)/block, l.page/block) != nil {
		return ErrBootLog
	}
	for i := range l.steps {
		blank, err := l.holds(at+i*l.step, 0xff)
		if err != nil {
			return err
		}
		if !blank {
			return ErrBootLog
		}
	}
	return nil
}

// scrub overwrites with zeros every place that may hold a key, except that of
// the current record. Heads of anchors stay: they are no secret.
func (l *bootLog) scrub() error {
	for i := range l.places() {
		at := l.place(i)
		if at == l.at {
			continue
		}
		b, err := l.read(at, int(l.step))
		if err != nil {
			return err
		}
		if allAre(b, 0xff) || allAre(b[:recordSize], 0) || l.old.parse(b[:recordSize]) && l.old.kind == kindAnchor {
			continue
		}
		err = l.zero(at)
		if page := at / l.page; err != nil && page > 0 && page != l.at/l.page {
			err = l.erasePage(page * l.page)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// zero overwrites the record at an offset with zeros.
func (l *bootLog) zero(at int64) error {
	clear(l.buf[:])
	for i := recordSize; i < len(l.buf); i++ {
		l.buf[i] = 0xff
	}
	if err := l.write(at); err != nil {
		return err
	}
	b, err := l.read(at, recordSize)
	if err != nil {
		return err
	}
	if !allAre(b, 0) {
		return ErrBootLog
	}
	return nil
}

// holds reports whether every byte of the place at an offset is c.
func (l *bootLog) holds(at int64, c byte) (bool, error) {
	b, err := l.read(at, int(l.step))
	return err == nil && allAre(b, c), err
}

// read returns n bytes of the slot in l.buf.
func (l *bootLog) read(at int64, n int) ([]byte, error) {
	if got, err := l.slot.ReadAt(l.buf[:n], l.base+at); err != nil || got != n {
		return nil, ErrBootLog
	}
	return l.buf[:n], nil
}

// write writes the first step bytes of l.buf.
func (l *bootLog) write(at int64) error {
	n := int(l.step)
	if got, err := l.slot.WriteAt(l.buf[:n], l.base+at); err != nil || got != n {
		return ErrBootLog
	}
	return nil
}
