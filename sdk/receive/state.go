package receive

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// state is the durable part of a receiver, a bbolt file. Its buckets, with kid
// and eid of 8 bytes each:
//
//	meta     "format" "site" "ring" "beacon" "mark" "ran"
//	devices  kid                   device.append
//	chains   kid eid               chain.append
//	anchors  kid eid               the anchor's message
//	grants   kid eid               the grant's message
//	recent   kid slot (4 bytes)    recent.append
//	retired  kid eid               boot, 8 bytes
//	waiting  id (8 bytes)          held.append
type state struct {
	db   *bbolt.DB
	ring int
}

const stateFormat = "vitalseal receive 1"

var (
	bucketMeta    = []byte("meta")
	bucketDevices = []byte("devices")
	bucketChains  = []byte("chains")
	bucketAnchors = []byte("anchors")
	bucketGrants  = []byte("grants")
	bucketRecent  = []byte("recent")
	bucketRetired = []byte("retired")
	bucketWaiting = []byte("waiting")

	metaFormat = []byte("format")
	metaSite   = []byte("site")
	metaRing   = []byte("ring")
	metaBeacon = []byte("beacon")
	metaMark   = []byte("mark")
	metaRan    = []byte("ran") // ms, 8 bytes: see clock.ran
)

// openState opens or makes the state of a site. A new one has a random beacon.
func openState(path, site string, ring int) (*state, error) {
	if err := checkMode(path); err != nil {
		return nil, err
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
	if errors.Is(err, bbolterrors.ErrTimeout) {
		return nil, fmt.Errorf("receive: state %q is in use by another process", path)
	}
	if err != nil {
		return nil, fmt.Errorf("receive: state %q: %w", path, err)
	}
	s := &state{db: db, ring: ring}
	if err := db.Update(func(tx *bbolt.Tx) error { return s.prepare(tx, site) }); err != nil {
		return nil, errors.Join(fmt.Errorf("receive: state %q: %w", path, err), db.Close())
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// checkMode refuses a state that others can read: it holds labels of beds, and
// who can write it can have a replay accepted.
func checkMode(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("receive: state: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("receive: state %q has mode %#o, want 0600: run chmod 600 on it", path, info.Mode().Perm())
	}
	return nil
}

func (s *state) prepare(tx *bbolt.Tx, site string) error {
	for _, name := range [][]byte{bucketMeta, bucketDevices, bucketChains, bucketAnchors, bucketGrants, bucketRecent, bucketRetired, bucketWaiting} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	meta := tx.Bucket(bucketMeta)
	if meta.Get(metaFormat) == nil {
		return s.fresh(meta, site)
	}
	if got := meta.Get(metaFormat); string(got) != stateFormat {
		return fmt.Errorf("format is %.40q, want %q", got, stateFormat)
	}
	if got := meta.Get(metaSite); string(got) != site {
		return fmt.Errorf("it is of site %.80q, not %q", got, site)
	}
	ring := meta.Get(metaRing)
	if len(ring) != 8 || big(ring) == 0 || big(ring) > 1<<16 {
		return errState
	}
	s.ring = int(big(ring))
	return nil
}

func (s *state) fresh(meta *bbolt.Bucket, site string) error {
	var beacon seal.Beacon
	rand.Read(beacon[:])
	return errors.Join(meta.Put(metaFormat, []byte(stateFormat)), meta.Put(metaSite, []byte(site)),
		meta.Put(metaRing, appendBig(nil, uint64(s.ring))), meta.Put(metaBeacon, beacon[:]))
}

func (s *state) close() error { return s.db.Close() }

// get returns a copy of a value, nil if there is none.
func (s *state) get(bucket, key []byte) (value []byte, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		value = bytes.Clone(tx.Bucket(bucket).Get(key))
		return nil
	})
	return value, err
}

// put stores one value by itself.
func (s *state) put(bucket, key, value []byte) error {
	return s.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(bucket).Put(key, value) })
}

// kids returns the ids of all devices in the state.
func (s *state) kids() (kids []keys.KeyID, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketDevices).ForEach(func(k, _ []byte) error {
			if len(k) != len(keys.KeyID{}) {
				return errState
			}
			kids = append(kids, keys.KeyID(k))
			return nil
		})
	})
	return kids, err
}

// load returns a device as stored, or a new one.
func (s *state) load(kid keys.KeyID) (*device, error) {
	d := newDevice(kid, s.ring)
	err := s.db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketDevices).Get(kid[:])
		if b == nil {
			return nil
		}
		if err := d.read(b); err != nil {
			return err
		}
		return errors.Join(
			each(tx, bucketChains, kid, 8, func(k, v []byte) error {
				c, err := readChain(seal.EID(k), v)
				d.chains[seal.EID(k)] = c
				return err
			}),
			each(tx, bucketRetired, kid, 8, func(k, v []byte) error {
				if len(v) != 8 {
					return errState
				}
				d.retired[seal.EID(k)] = big(v)
				return nil
			}),
			each(tx, bucketRecent, kid, 4, func(k, v []byte) error {
				slot := int(binary.BigEndian.Uint32(k))
				if slot >= len(d.recent) {
					return errState
				}
				return d.recent[slot].read(v)
			}))
	})
	if err != nil {
		return nil, fmt.Errorf("receive: state of device %v: %w", kid, err)
	}
	return d, nil
}

// each calls f with the rest of every key, of size bytes, that begins with kid.
func each(tx *bbolt.Tx, bucket []byte, kid keys.KeyID, size int, f func(k, v []byte) error) error {
	c := tx.Bucket(bucket).Cursor()
	for k, v := c.Seek(kid[:]); bytes.HasPrefix(k, kid[:]); k, v = c.Next() {
		if len(k) != len(kid)+size {
			return errState
		}
		if err := f(k[len(kid):], v); err != nil {
			return err
		}
	}
	return nil
}

// commit stores devices, what is held and what is not any more, the sink's mark and
// how long receivers have run in one transaction.
func (s *state) commit(devices []*device, parked, unparked []*held, mark []byte, c *clock, now time.Time) error {
	err := s.db.Update(func(tx *bbolt.Tx) error {
		for _, d := range devices {
			if err := s.store(tx, d); err != nil {
				return err
			}
		}
		if err := storePending(tx, parked, unparked, c); err != nil {
			return err
		}
		meta := tx.Bucket(bucketMeta)
		return errors.Join(meta.Put(metaMark, mark), meta.Put(metaRan, appendBig(nil, uint64(c.ran(now).Milliseconds()))))
	})
	if err != nil {
		return fmt.Errorf("receive: storing the state: %w", err)
	}
	return nil
}

func (s *state) store(tx *bbolt.Tx, d *device) error {
	var errs []error
	keep := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	ch := &d.changes
	if ch.state {
		keep(tx.Bucket(bucketDevices).Put(d.kid[:], d.append(nil)))
	}
	for eid, message := range ch.anchors {
		keep(tx.Bucket(bucketAnchors).Put(chainKey(d.kid, eid), message))
	}
	for eid, message := range ch.grants {
		keep(tx.Bucket(bucketGrants).Put(chainKey(d.kid, eid), message))
	}
	for eid, c := range d.chains {
		if c.dirty {
			keep(tx.Bucket(bucketChains).Put(chainKey(d.kid, eid), c.append(nil)))
		}
	}
	for _, eid := range ch.pruned {
		key := chainKey(d.kid, eid)
		keep(tx.Bucket(bucketChains).Delete(key))
		keep(tx.Bucket(bucketAnchors).Delete(key))
		keep(tx.Bucket(bucketGrants).Delete(key))
		keep(tx.Bucket(bucketRetired).Put(key, appendBig(nil, d.retired[eid])))
	}
	for _, eid := range ch.forgotten {
		keep(tx.Bucket(bucketRetired).Delete(chainKey(d.kid, eid)))
	}
	keep(s.storeRecent(tx, d))
	return errors.Join(errs...)
}

func (s *state) storeRecent(tx *bbolt.Tx, d *device) error {
	bucket, size := tx.Bucket(bucketRecent), uint64(len(d.recent))
	from := d.changes.stored
	if d.count > size {
		from = max(from, d.count-size)
	}
	for n := from; n < d.count; n++ {
		slot := n % size
		key := binary.BigEndian.AppendUint32(append(make([]byte, 0, 12), d.kid[:]...), uint32(slot))
		if err := bucket.Put(key, d.recent[slot].append(make([]byte, 0, recentSize))); err != nil {
			return err
		}
	}
	return nil
}

// stored notes that all changes of d are in the state.
func (d *device) stored() {
	d.changes = changes{stored: d.count}
	d.spoke = false
	for _, c := range d.chains {
		c.dirty = false
	}
}

func chainKey(kid keys.KeyID, eid seal.EID) []byte {
	return append(append(make([]byte, 0, 16), kid[:]...), eid[:]...)
}

func appendBig(dst []byte, n uint64) []byte { return binary.BigEndian.AppendUint64(dst, n) }

func big(b []byte) uint64 { return binary.BigEndian.Uint64(b) }
