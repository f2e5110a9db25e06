//go:build linux

// Command guest is the first process of an emulated computer whose power is cut: it
// has an outbox do its work on an ext4 on /dev/vda, by way of device-mapper's target
// log-writes, which logs to /dev/vdb what reaches the disk and when it is flushed.
// Then it makes of the log the disks that a cut may leave, mounts each, and looks
// for what the outbox had promised.
//
// Usage, on the kernel's command line: ... -- SEED COMMITS CUTS [careless]
//
// With "careless" no file of the outbox is synced: then there must be losses, or
// nothing is tested. It says on the console, in lines that begin with "powercut:", what it
// found; the last is "powercut: done" or "powercut: failed: " with the reason.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/vitalseal/vitalseal/scripts/bedside/blocklog"
	"github.com/vitalseal/vitalseal/scripts/bedside/inside"
	"github.com/vitalseal/vitalseal/sdk/outbox"
)

func main() {
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "guest: error: this is the first process of an emulated machine, not a program for another")
		os.Exit(2)
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Println("powercut: failed:", err)
	} else {
		fmt.Println("powercut: done")
	}
	inside.PowerOff()
}

const (
	diskFolder = "/var"
	device     = "/dev/vda"
	logDevice  = "/dev/vdb"
)

func run(args []string) error {
	if len(args) < 3 {
		return fmt.Errorf("%d arguments on the kernel's command line are too few", len(args))
	}
	var numbers [3]int
	for i := range numbers {
		var err error
		if numbers[i], err = strconv.Atoi(args[i]); err != nil {
			return err
		}
	}
	if err := errors.Join(inside.MountKernel(), inside.LoadModules("/modules")); err != nil {
		return err
	}
	if err := errors.Join(inside.Appears(device), inside.Appears(logDevice), inside.Appears("/dev/mapper/control")); err != nil {
		return err
	}
	fmt.Println("powercut: ready uptime=" + inside.Uptime())
	rng := rand.New(rand.NewPCG(uint64(numbers[0]), 0))
	disk, entries, err := experiment(rng, numbers[1], slices.Contains(args[3:], "careless"))
	if err != nil {
		return err
	}
	return judge(disk, entries, rng, numbers[2])
}

// experiment runs the outbox and returns what was on the disk before, and the log.
func experiment(rng *rand.Rand, commits int, careless bool) (disk []byte, entries []blocklog.Entry, err error) {
	if disk, err = os.ReadFile(device); err != nil {
		return nil, nil, err
	}
	disk = slices.Clone(disk) // of its own size
	d, err := logWrites(device, logDevice, int64(len(disk)))
	if err != nil {
		return nil, nil, err
	}
	if err := errors.Join(inside.Appears("/dev/dm-0"), mount("/dev/dm-0")); err != nil {
		return nil, nil, err
	}
	conf := small(filepath.Join(diskFolder, "outbox"))
	if careless {
		conf.FS = carelessFS{outbox.DirFS(conf.Dir)}
	}
	records, err := work(conf, d.mark, rng, commits)
	if err != nil {
		return nil, nil, err
	}
	if err := errors.Join(unix.Unmount(diskFolder, 0), d.remove()); err != nil {
		return nil, nil, err
	}
	entries, err = readLog()
	fmt.Printf("powercut: %d records in %d commits, %d entries of the log, uptime=%s\n", records, commits, len(entries), inside.Uptime())
	return disk, entries, err
}

func mount(device string) error {
	if err := unix.Mount(device, diskFolder, "ext4", unix.MS_NOATIME, ""); err != nil {
		return fmt.Errorf("mount %s: %w", device, err)
	}
	return nil
}

func readLog() ([]blocklog.Entry, error) {
	log, err := os.Open(logDevice)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	entries, err := blocklog.Read(bufio.NewReaderSize(log, 1<<20))
	if err == nil && (len(entries) == 0 || entries[len(entries)-1].Word != "dm-log-writes-end") {
		err = errors.New("the log does not reach to the end: " + logDevice + " is too small")
	}
	return entries, err
}

// carelessFS syncs directories, and nothing of what is in files.
type carelessFS struct{ outbox.FS }

func (c carelessFS) Create(name string, size int64) (outbox.File, error) {
	f, err := c.FS.Create(name, size)
	return carelessFile{f}, err
}

func (c carelessFS) Open(name string) (outbox.File, error) {
	f, err := c.FS.Open(name)
	return carelessFile{f}, err
}

type carelessFile struct{ outbox.File }

func (carelessFile) Sync() error { return nil }

// judge makes the disks of so many cuts and looks at each.
func judge(disk []byte, entries []blocklog.Entry, rng *rand.Rand, cuts int) error {
	looped, err := newLoop(len(disk))
	if err != nil {
		return err
	}
	points := cutPoints(entries, rng, cuts)
	replay := blocklog.NewReplay(disk, entries)
	var sum verdict
	failed := 0
	for i, at := range points {
		rule := blocklog.Rule(rng.IntN(int(blocklog.Rules)))
		end := replay.Cut(looped.image, at, rule, rng)
		o := owes(entries, at, end)
		v, err := looped.look(o)
		if err != nil || v.lost+v.doubled > 0 {
			failed++
			fmt.Printf("powercut: cut %d behind entry %d of %d by rule %d, %d committed: %d lost, %d doubled, %v\n",
				i, at, len(entries), rule, o.committed, v.lost, v.doubled, err)
		}
		sum.lost, sum.doubled, sum.again, sum.kept = sum.lost+v.lost, sum.doubled+v.doubled, sum.again+v.again, sum.kept+v.kept
	}
	fmt.Printf("powercut: %d cuts, %d failed: %d lost, %d doubled; %d acknowledged and there again, %d kept without a promise; uptime=%s\n",
		cuts, failed, sum.lost, sum.doubled, sum.again, sum.kept, inside.Uptime())
	if failed > 0 {
		return fmt.Errorf("%d of %d cuts cost what was promised", failed, cuts)
	}
	return nil
}

// cutPoints chooses the entries behind which the power goes: a third are those that
// are durable at once or make others so, a third promises that were just given, and
// the rest any.
func cutPoints(entries []blocklog.Entry, rng *rand.Rand, cuts int) []int {
	var barriers, promises []int
	for i, e := range entries {
		switch {
		case e.Flags&(blocklog.Flush|blocklog.FUA) != 0:
			barriers = append(barriers, i)
		case e.Flags&blocklog.Mark != 0 && strings.HasPrefix(e.Word, wordCommitted):
			promises = append(promises, i)
		}
	}
	points := make([]int, cuts)
	for i := range points {
		points[i] = rng.IntN(len(entries))
		if some := [][]int{barriers, promises, nil}[i%3]; len(some) > 0 {
			points[i] = some[rng.IntN(len(some))]
		}
	}
	slices.Sort(points)
	fmt.Printf("powercut: %d of the entries are flushes or writes with FUA\n", len(barriers))
	return points
}

// owes reads the marks: what was promised before the cut holds, and what was about
// to be acknowledged until the next flush may be gone.
func owes(entries []blocklog.Entry, at, end int) *owed {
	o := &owed{gone: map[int]bool{}}
	for i, e := range entries {
		if e.Flags&blocklog.Mark == 0 {
			continue
		}
		if list, ok := strings.CutPrefix(e.Word, wordAcknowledged); ok && i < end {
			for n := range strings.SplitSeq(list, ",") {
				o.gone[number(n)] = true
			}
		}
		if n, ok := strings.CutPrefix(e.Word, wordCommitted); ok {
			if i <= at {
				o.committed = number(n)
			}
			o.all = number(n)
		}
	}
	return o
}

// number reads one that this program wrote; -1 is nobody's.
func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return n
}

// loop is a block device in memory.
type loop struct {
	image  []byte // what is on it
	device *os.File
}

func newLoop(size int) (*loop, error) {
	file, err := os.Create("/tmp/image") // in memory
	if err != nil {
		return nil, err
	}
	if err := file.Truncate(int64(size)); err != nil {
		return nil, err
	}
	l := &loop{}
	if l.image, err = unix.Mmap(int(file.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return nil, err
	}
	if err := inside.Appears("/dev/loop0"); err != nil {
		return nil, err
	}
	if l.device, err = os.OpenFile("/dev/loop0", os.O_RDWR, 0); err != nil {
		return nil, err
	}
	return l, unix.IoctlSetInt(int(l.device.Fd()), unix.LOOP_SET_FD, int(file.Fd()))
}

// look mounts what is on the device, with the recovery of the file system that
// belongs to it, and gives the verdict on the outbox.
func (l *loop) look(o *owed) (v verdict, err error) {
	// The kernel keeps what it read of the device as long as somebody has it open.
	if err := unix.IoctlSetInt(int(l.device.Fd()), unix.BLKFLSBUF, 0); err != nil {
		return v, err
	}
	if err := mount("/dev/loop0"); err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, unix.Unmount(diskFolder, 0)) }()
	conf := small(filepath.Join(diskFolder, "outbox"))
	if _, err := os.Stat(conf.Dir); errors.Is(err, fs.ErrNotExist) && o.committed == 0 {
		return v, nil
	}
	if v, err = o.verdict(conf); err != nil {
		return v, err
	}
	damaged, err := os.ReadFile("/sys/fs/ext4/loop0/errors_count")
	if count := strings.TrimSpace(string(damaged)); err == nil && count != "0" {
		err = fmt.Errorf("ext4 counts %s errors", count)
	}
	return v, err
}
