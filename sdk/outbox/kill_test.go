package outbox_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// TestMain runs the victim of TestKill in a process of its own.
func TestMain(m *testing.M) {
	if dir := os.Getenv("OUTBOX_VICTIM"); dir != "" {
		if err := victim(dir, os.Stdout); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// victim fills and drains an outbox for ever and says what it has been
// promised: "c n" after the commit that covers data record n, "a n" before it
// acknowledges record n. It goes on behind the last record it finds.
func victim(dir string, out io.Writer) error {
	q, err := outbox.Open(small(dir))
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(os.Getenv("OUTBOX_NEXT"))
	if err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(uint64(n), 1))
	for {
		for range 1 + rng.IntN(20) {
			class := outbox.Data
			if rng.IntN(10) == 0 {
				class = outbox.Alert
			}
			if _, err := q.Append(record(class, n, 8+rng.IntN(2000))); err != nil {
				return err
			}
			n++
		}
		if err := q.Commit(); err != nil {
			return err
		}
		fmt.Fprintln(out, "c", n)
		if err := victimAcks(q, rng, out); err != nil {
			return err
		}
	}
}

// victimAcks acknowledges most of what waits, so that segments come and go.
func victimAcks(q *outbox.Queue, rng *rand.Rand, out io.Writer) error {
	urgent, live, backlog := q.Readers()
	defer urgent.Close()
	defer live.Close()
	defer backlog.Close()
	for _, r := range []*outbox.Reader{urgent, backlog} {
		for q.Stats().Records > 50 {
			rec, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			if rng.IntN(4) == 0 {
				continue
			}
			fmt.Fprintln(out, "a", strings.TrimLeft(fmt.Sprintf("%x", rec.Payload[:8]), "0"))
			if err := q.Ack(rec.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// A process killed with SIGKILL at any moment loses nothing that a Commit
// covered. OUTBOX_KILLS sets the number of kills, for a longer look
// than every run can take.
func TestKill(t *testing.T) {
	kills := 20
	if v := os.Getenv("OUTBOX_KILLS"); v != "" {
		var err error
		if kills, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir() + "/outbox"
	acked, promised := map[int]bool{}, map[int]bool{}
	next, lost, doubled, resent, torn := 0, 0, 0, 0, 0
	for range kills {
		committed := killOne(t, dir, next, rng.IntN(200), acked)
		for n := next; n < committed; n++ {
			promised[n] = true
		}
		rep := check(t, dir)
		torn += rep.Torn
		q := open(t, small(dir))
		seen := map[int]bool{}
		for _, r := range waiting(t, q) {
			n := number(t, r)
			if seen[n] {
				doubled++
			}
			if acked[n] {
				resent++
			}
			seen[n] = true
			next = max(next, n+1)
		}
		for n := range promised {
			if !seen[n] && !acked[n] {
				lost++
			}
			if !seen[n] {
				delete(promised, n) // one that was acknowledged need not be looked for again
			}
		}
		if st := q.Stats(); st.Corrupt != 0 {
			t.Errorf("%d corrupt", st.Corrupt)
		}
		next = max(next, committed)
		closeQueue(t, q)
	}
	t.Logf("%d kills, %d records: %d committed lost, %d doubled, %d acknowledged and sent again, %d torn tails", kills, next, lost, doubled, resent, torn)
	if lost != 0 || doubled != 0 {
		t.Errorf("%d lost, %d doubled", lost, doubled)
	}
}

// killOne runs a victim, kills it after some lines, and returns the number
// below which every record is committed.
func killOne(t *testing.T, dir string, next, lines int, acked map[int]bool) (committed int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "OUTBOX_VICTIM="+dir, "OUTBOX_NEXT="+strconv.Itoa(next))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	committed = next
	for sc := bufio.NewScanner(out); sc.Scan(); lines-- {
		what, arg, _ := strings.Cut(sc.Text(), " ")
		switch what {
		case "c":
			committed, err = strconv.Atoi(arg)
		case "a":
			var n uint64
			n, err = strconv.ParseUint("0"+arg, 16, 64)
			acked[int(n)] = true
		default:
			err = errors.New(sc.Text())
		}
		if err != nil {
			t.Fatal(err)
		}
		if lines == 0 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the victim ended by itself")
	}
	return committed
}
