package machine_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/scripts/bedside/machine"
)

// TestArchive holds an archive against the layout in cpio(5), byte by byte.
func TestArchive(t *testing.T) {
	var out bytes.Buffer
	a := machine.NewArchive(&out)
	err := errors.Join(a.Folder("dev"), a.Device("dev/console", 5, 1), a.Program("init", []byte("run")), a.File("a", []byte("four")), a.Close())
	if err != nil {
		t.Fatal(err)
	}
	zero := "00000000"
	want := strings.Join([]string{
		// inode, mode, uid, gid, links, mtime, size, device, device, rdev major, minor, name size, check
		"070701" + "00000001" + "000041ed" + zero + zero + "00000001" + zero + zero + zero + zero + zero + zero + "00000004" + zero + "dev\x00\x00\x00",
		"070701" + "00000002" + "00002180" + zero + zero + "00000001" + zero + zero + zero + zero + "00000005" + "00000001" + "0000000c" + zero + "dev/console\x00\x00\x00",
		"070701" + "00000003" + "000081ed" + zero + zero + "00000001" + zero + "00000003" + zero + zero + zero + zero + "00000005" + zero + "init\x00\x00" + "run\x00",
		"070701" + "00000004" + "000081a4" + zero + zero + "00000001" + zero + "00000004" + zero + zero + zero + zero + "00000002" + zero + "a\x00" + "four",
		"070701" + "00000005" + zero + zero + zero + "00000001" + zero + zero + zero + zero + zero + zero + "0000000b" + zero + "TRAILER!!!\x00\x00\x00\x00",
	}, "")
	if got := out.String(); got != want {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

func TestArchiveRefuses(t *testing.T) {
	for _, name := range []string{"", "/etc/passwd"} {
		var out bytes.Buffer
		if err := machine.NewArchive(&out).File(name, nil); err == nil || out.Len() > 0 {
			t.Errorf("%q: error %v, %d bytes", name, err, out.Len())
		}
	}
}

func TestArchiveKeepsTheFirstError(t *testing.T) {
	a := machine.NewArchive(full{})
	if err := a.Folder("dev"); !errors.Is(err, errFull) {
		t.Errorf("folder: %v", err)
	}
	if err := a.Close(); !errors.Is(err, errFull) {
		t.Errorf("close: %v", err)
	}
}

var errFull = errors.New("full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }
