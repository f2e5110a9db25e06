package outbox_test

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"

	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// disk is a simulated disk with one directory on it. What is written is seen at
// once and is on the medium only after Sync, what is named only after SyncDir:
// a cut keeps of the rest what its rules let it. A disk belongs to one boot;
// cut returns the one that the next boot finds.
type disk struct {
	mu      sync.Mutex
	rng     *rand.Rand
	names   map[string]*inode // as programs see them
	durable map[string]*inode // as of the last SyncDir
	log     []dirOp           // since then
	inodes  int               // made so far

	calls int // operations so far
	power int // the operation at which the power goes; 0: none
	dead  bool
	fail  func(call int, op string) error // asked before each operation

	free, files int64 // what statfs says is left; Create takes from it
	reads       int64 // bytes read
}

// inode is a file: what programs see, what the medium holds, and the writes
// between the two.
type inode struct {
	number  int
	data    []byte
	medium  []byte
	pending []write
	grown   bool // its size is not durable yet
}

type write struct {
	off int64
	b   []byte
}

// dirOp gives an inode a new name; no name when it is removed.
type dirOp struct {
	file     *inode
	from, to string
}

const (
	sector = 512
	page   = 4096
)

var errPower = errors.New("no power")

func newDisk(rng *rand.Rand) *disk {
	return &disk{rng: rng, names: map[string]*inode{}, durable: map[string]*inode{}, free: 1 << 40, files: 1 << 20}
}

// ask counts an operation and says whether it may go on. cut says that the
// power goes while it is done.
func (d *disk) ask(op string) (cut bool, err error) {
	if d.dead {
		return false, errPower
	}
	d.calls++
	if d.calls == d.power {
		d.dead = true
		return true, nil
	}
	if d.fail != nil {
		return false, d.fail(d.calls, op)
	}
	return false, nil
}

func (d *disk) do(op string, f func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	cut, err := d.ask(op)
	if err != nil {
		return err
	}
	// When the power goes during an operation it was done or not, and nobody
	// hears of it.
	if cut && d.rng.IntN(2) == 0 {
		return errPower
	}
	if err := f(); err != nil {
		return err
	}
	if cut {
		return errPower
	}
	return nil
}

func (d *disk) Create(name string, size int64) (outbox.File, error) {
	var f *inode
	err := d.do("create", func() error {
		if d.names[name] != nil {
			return fs.ErrExist
		}
		if d.files < 1 || d.free < size {
			return syscall.ENOSPC
		}
		d.files--
		d.free -= size
		d.inodes++
		f = &inode{number: d.inodes, data: make([]byte, size), grown: true}
		d.names[name] = f
		d.log = append(d.log, dirOp{file: f, to: name})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &diskFile{d, f}, nil
}

func (d *disk) Open(name string) (outbox.File, error) {
	var f *inode
	err := d.do("open", func() error {
		if f = d.names[name]; f == nil {
			return fs.ErrNotExist
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &diskFile{d, f}, nil
}

func (d *disk) Rename(from, to string) error {
	return d.do("rename", func() error {
		f := d.names[from]
		if f == nil {
			return fs.ErrNotExist
		}
		delete(d.names, from)
		d.names[to] = f
		d.log = append(d.log, dirOp{f, from, to})
		return nil
	})
}

func (d *disk) Remove(name string) error {
	return d.do("remove", func() error {
		f := d.names[name]
		if f == nil {
			return fs.ErrNotExist
		}
		delete(d.names, name)
		d.files++
		d.free += int64(len(f.data))
		d.log = append(d.log, dirOp{file: f, from: name})
		return nil
	})
}

func (d *disk) List() (names []string, err error) {
	err = d.do("list", func() error {
		names = slices.Sorted(maps.Keys(d.names))
		return nil
	})
	return names, err
}

func (d *disk) SyncDir() error {
	return d.do("syncdir", func() error {
		d.durable = maps.Clone(d.names)
		d.log = nil
		return nil
	})
}

// Free is never refused: what it costs when it is wrong is tested elsewhere.
func (d *disk) Free() (bytes, files int64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.free, d.files, nil
}

type diskFile struct {
	d *disk
	f *inode
}

func (h *diskFile) Close() error { return nil }

func (h *diskFile) Size() (n int64, err error) {
	err = h.d.do("size", func() error {
		n = int64(len(h.f.data))
		return nil
	})
	return n, err
}

func (h *diskFile) ReadAt(b []byte, off int64) (n int, err error) {
	err = h.d.do("read", func() error {
		if off < int64(len(h.f.data)) {
			n = copy(b, h.f.data[off:])
		}
		h.d.reads += int64(n)
		if n < len(b) {
			return io.EOF
		}
		return nil
	})
	return n, err
}

// WriteAt that fails has written a part, as a full disk or a signal makes it do.
func (h *diskFile) WriteAt(b []byte, off int64) (n int, err error) {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	cut, err := h.d.ask("write")
	n = len(b)
	switch {
	case errors.Is(err, errPower), errors.Is(err, syscall.EROFS):
		return 0, err
	case err != nil:
		n = h.d.rng.IntN(len(b) + 1)
	}
	if off+int64(n) > int64(len(h.f.data)) {
		return 0, errors.New("write behind the end of the file")
	}
	copy(h.f.data[off:], b[:n])
	h.f.pending = append(h.f.pending, write{off, slices.Clone(b[:n])})
	if cut {
		err = errPower
	}
	return n, err
}

// Sync that fails leaves on the medium what it likes and forgets the rest: what
// programs see may go on being there, or not.
func (h *diskFile) Sync() error {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	cut, err := h.d.ask("sync")
	if err != nil || cut {
		if err != nil && !h.d.dead {
			h.f.settle(h.d.rng, h.d.rng.IntN(rules))
			if h.d.rng.IntN(2) == 0 {
				h.f.data = slices.Clone(h.f.medium)
			}
		}
		return errors.Join(err, errPowerIf(cut))
	}
	h.f.grow(len(h.f.data))
	for _, w := range h.f.pending {
		copy(h.f.medium[w.off:], w.b)
	}
	h.f.pending = nil
	return nil
}

func errPowerIf(cut bool) error {
	if cut {
		return errPower
	}
	return nil
}

func (f *inode) grow(size int) {
	f.medium = append(f.medium, make([]byte, size-len(f.medium))...)
	f.grown = false
}

// The rules by which unsynced writes are kept.
const (
	keepAll     = iota // the process was killed, not the machine
	keepNone           // nothing left the page cache
	keepFirst          // in order, the last one cut at a sector
	keepPages          // any pages
	keepSectors        // any sectors
	keepBytes          // any sectors, and one sector cut at a byte
	rules
)

// settle lets the rule decide about the unsynced writes.
func (f *inode) settle(rng *rand.Rand, rule int) {
	if f.grown {
		size := len(f.data)
		if rule != keepAll && rng.IntN(3) == 0 {
			size = rng.IntN(size/page+1) * page
		}
		f.grow(size)
	}
	upTo, torn := rng.IntN(len(f.pending)+1), false
	for i, w := range f.pending {
		unit, odds := sector, rng.IntN(5) // of four
		if rule == keepPages {
			unit = page
		}
		for at := int64(0); at < int64(len(w.b)); {
			n := min(int64(unit)-(w.off+at)%int64(unit), int64(len(w.b))-at)
			part := w.b[at : at+n]
			keep := false
			switch rule {
			case keepAll:
				keep = true
			case keepFirst:
				torn = torn || i == upTo && rng.IntN(4) == 0
				keep = i < upTo || i == upTo && !torn
			case keepPages, keepSectors, keepBytes:
				keep = rng.IntN(4) < odds
			}
			if rule == keepBytes && rng.IntN(4) == 0 {
				part = part[:rng.IntN(len(part)+1)]
			}
			if keep && w.off+at < int64(len(f.medium)) {
				copy(f.medium[w.off+at:], part)
			}
			at += n
		}
	}
	f.pending = nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// cut is the end of a boot: the disk is dead, and the one returned is what the
// next boot finds. orderly keeps directory operations in order, up to some
// point; else each file keeps any of the names it had since the last SyncDir,
// whatever became of the others.
func (d *disk) cut(rule int, orderly bool) *disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = true
	names := d.names
	if rule != keepAll {
		names = d.cutNames(orderly)
	}
	next := newDisk(d.rng)
	next.inodes, next.free, next.files = d.inodes, d.free, d.files
	for _, name := range slices.Sorted(maps.Keys(names)) {
		f := names[name]
		f.settle(d.rng, rule)
		clean := &inode{number: f.number, data: slices.Clone(f.medium), medium: f.medium}
		next.names[name], next.durable[name] = clean, clean
	}
	return next
}

func (d *disk) cutNames(orderly bool) map[string]*inode {
	names := maps.Clone(d.durable)
	upTo := d.rng.IntN(len(d.log) + 1)
	left := map[*inode]int{} // operations kept, less those done
	for i, op := range d.log {
		if orderly {
			left[op.file] += b2i(i < upTo)
		} else if _, ok := left[op.file]; !ok {
			all := 0
			for _, o := range d.log {
				all += b2i(o.file == op.file)
			}
			left[op.file] = d.rng.IntN(all + 1)
		}
	}
	for _, op := range d.log {
		if left[op.file] == 0 {
			continue
		}
		left[op.file]--
		if names[op.from] == op.file {
			delete(names, op.from)
		}
		if op.to != "" {
			names[op.to] = op.file
		}
	}
	return names
}
