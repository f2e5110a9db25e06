package receive_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/receive"
)

// said returns what Receipts returns, in short: "gw-1: up to 3, missing 2-2". What is
// signed must be a receipt.
func (g *rig) said(all bool) string {
	g.t.Helper()
	receipts, _ := g.r.Receipts(all)
	signer := keys.NewEd25519(&[32]byte{9})
	var out []string
	for i := range receipts {
		receipts[i].Receiver = "station"
		if _, err := seal.AppendReceipt(nil, signer, &receipts[i]); err != nil {
			g.t.Fatalf("%+v: %v", receipts[i], err)
		}
		var chains []string
		for _, c := range receipts[i].Chains {
			chains = append(chains, shortChain(&c))
		}
		slices.Sort(chains)
		out = append(out, receipts[i].Gateway+": "+strings.Join(chains, "; "))
	}
	return strings.Join(out, " | ")
}

func shortChain(c *seal.ReceivedChain) string {
	var out []string
	if c.Head != (seal.Head{}) {
		out = append(out, fmt.Sprintf("up to %d", c.Seq))
	}
	for _, m := range c.Missing {
		out = append(out, fmt.Sprintf("missing %d-%d", m.First, m.Last))
	}
	if c.GivenUp != (seal.Interval{}) {
		out = append(out, fmt.Sprintf("given up %d-%d", c.GivenUp.First, c.GivenUp.Last))
	}
	if c.Refused {
		out = append(out, "refused")
	}
	return strings.Join(out, " ")
}

func (g *rig) wantSaid(all bool, want string) {
	g.t.Helper()
	if got := g.said(all); got != want {
		g.t.Errorf("receipts say %q, want %q", got, want)
	}
}

func TestReceipts(t *testing.T) {
	d, other := newDevice(t, 1), newDevice(t, 2)
	g := newRig(t, d, other)
	g.ros.devices[other.kid()] = receive.Device{Key: other.key.Public(), Gateway: "gw-2"}
	g.wantSaid(true, "")
	m := [][]byte{d.begin(), d.reading(1), d.reading(2), d.reading(3)}
	if res := g.send(m[1]); !res.Pending {
		t.Fatal(res)
	}
	g.wantSaid(false, "") // nothing is known of its chain
	g.want(receive.Valid, m[0])
	select {
	case <-g.r.ReceiptsDue():
	default:
		t.Error("nothing is said to be due")
	}
	g.wantSaid(false, "gw-1: up to 1")
	g.wantSaid(false, "")
	g.wantSaid(true, "gw-1: up to 1")
	g.want(receive.Valid, m[3])
	g.wantSaid(false, "gw-1: up to 3 missing 2-2")
	g.want(receive.Filled, m[2])
	g.wantSaid(false, "gw-1: up to 3")
	g.want(receive.Duplicate, m[2]) // the gateway has not heard
	g.wantSaid(false, "gw-1: up to 3")
	g.want(receive.Valid, other.begin())
	g.wantSaid(false, "gw-2: up to 0")
	g.wantSaid(true, "gw-1: up to 3 | gw-2: up to 0")

	// The chain before stays in it for a while, and what comes late for it too.
	late := d.reading(4)
	g.want(receive.Valid, d.begin())
	g.wantSaid(false, "gw-1: up to 0; up to 3")
	g.want(receive.Filled, late)
	g.wantSaid(false, "gw-1: up to 0; up to 4")

	// A device that moves to another gateway, and one that nobody carries.
	g.ros.devices[d.kid()] = receive.Device{Key: d.key.Public(), Gateway: "gw-2"}
	g.wantSaid(true, "gw-2: up to 0; up to 0; up to 4")
	g.ros.devices[d.kid()] = receive.Device{Key: d.key.Public()}
	g.wantSaid(true, "gw-2: up to 0")
	delete(g.ros.devices, other.kid())
	g.wantSaid(true, "")
}

// A forger moves nothing, and what is not durable is not said.
func TestReceiptsAreOfWhatIsDurable(t *testing.T) {
	for _, at := range []string{"write", "sync", "mark"} {
		t.Run(at, func(t *testing.T) {
			d := newDevice(t, 1)
			g := newRig(t, d)
			f, err := receive.OpenFile(filepath.Join(t.TempDir(), "lines"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			sink := &brittle{File: f}
			g.r.Close()
			g.conf.Sink, g.conf.StatePath = sink, g.conf.StatePath+"2"
			g.open()
			m := [][]byte{d.begin(), d.reading(1), d.reading(2)}
			g.want(receive.Valid, m[0])
			g.want(receive.Valid, m[1])
			g.wantSaid(false, "gw-1: up to 1")
			sink.fail = at
			if _, err := g.r.Handle(context.Background(), g.message(m[2])); !errors.Is(err, errBrittle) {
				t.Fatal(err)
			}
			g.wantSaid(false, "")
			g.wantSaid(true, "gw-1: up to 1")
			sink.fail = ""
			forged := slices.Clone(m[2])
			forged[len(forged)-1] ^= 1
			g.want(receive.BadSignature, forged)
			g.wantSaid(false, "")
			g.want(receive.Valid, m[2])
			g.wantSaid(false, "gw-1: up to 2")
		})
	}
}

// With its state a receiver says the same again; with an empty one it says less.
func TestReceiptsAfterRestart(t *testing.T) {
	d := newDevice(t, 1)
	g := newRig(t, d)
	anchor, m := d.begin(), d.readings(5)
	g.want(receive.Valid, anchor)
	for _, i := range []int{0, 1, 4} {
		g.want(receive.Valid, m[i])
	}
	const said = "gw-1: up to 5 missing 3-4"
	g.wantSaid(false, said)
	g.restart()
	g.wantSaid(false, said)
	g.wantSaid(false, "")

	g.r.Close()
	g.conf.StatePath += "2"
	g.open()
	g.wantSaid(true, "")
	g.want(receive.Valid, anchor)
	g.want(receive.Valid, m[3])
	g.wantSaid(false, "gw-1: up to 4 missing 1-3")
}

// More gaps than a receipt has room for: it says less. More than the state has room
// for: what is given up is said to be.
func TestReceiptsOfManyGaps(t *testing.T) {
	d := newDevice(t, 1)
	g := newRig(t, d)
	g.want(receive.Valid, d.begin())
	var skipped [][]byte
	skip := func(n int) {
		t.Helper()
		var batch []receive.Message
		for range n {
			skipped = append(skipped, d.reading(1))
			batch = append(batch, g.message(d.reading(2)))
		}
		if _, err := g.r.HandleBatch(context.Background(), batch); err != nil {
			t.Fatal(err)
		}
	}
	skip(seal.MaxMissing + 1)
	receipts, _ := g.r.Receipts(false)
	c := receipts[0].Chains[0]
	if c.Seq != 2*seal.MaxMissing || len(c.Missing) != seal.MaxMissing || c.Received(2*seal.MaxMissing+2) {
		t.Errorf("up to %d with %d gaps", c.Seq, len(c.Missing))
	}
	g.want(receive.Filled, skipped[0])
	receipts, _ = g.r.Receipts(false)
	if c := receipts[0].Chains[0]; c.Seq != 2*seal.MaxMissing+2 || len(c.Missing) != seal.MaxMissing || c.Missing[0].First != 3 {
		t.Errorf("up to %d with %d gaps from %d", c.Seq, len(c.Missing), c.Missing[0].First)
	}
	const maxGaps = 2048
	skip(maxGaps + 2 - len(skipped)) // one is filled
	check := func() {
		t.Helper()
		receipts, _ = g.r.Receipts(true)
		c := receipts[0].Chains[0]
		if c.GivenUp != (seal.Interval{First: 3, Last: 2051}) || c.Missing[0].First != 2053 {
			t.Errorf("given up %v, first missing %v", c.GivenUp, c.Missing[0])
		}
		for i := range skipped {
			seq := uint64(2*i + 1)
			if c.Received(seq) != (i == 0) || c.Refuses(seq) != (i > 0 && seq <= 2051) {
				t.Fatalf("message %d: received %v, refused %v", seq, c.Received(seq), c.Refuses(seq))
			}
		}
	}
	check()
	g.restart()
	check()
	// Given up means just that.
	g.want(receive.Replay, skipped[1])
	g.want(receive.Filled, skipped[1026])
}

// A chain that is refused for good is said to be, so that its gateway need not keep
// it; one that may yet be vouched for is not, for a while.
func TestReceiptsOfRefusedChains(t *testing.T) {
	t.Run("rolled back", func(t *testing.T) {
		d := newDevice(t, 1)
		g := newRig(t, d)
		old := d.clone()
		old.tweak = func(a *seal.Anchor) { a.Salt[9], a.Previous = 1, seal.Checkpoint{} }
		g.want(receive.Valid, d.begin())
		g.want(receive.Valid, d.reading(1))
		g.wantSaid(false, "gw-1: up to 1")
		g.want(receive.Rollback, old.begin())
		g.want(receive.Rollback, old.reading(1))
		g.wantSaid(false, "")
		if _, more := g.r.Receipts(false); !more {
			t.Error("nothing more is to come")
		}
		g.now = g.now.Add(time.Minute)
		g.wantSaid(false, "gw-1: refused; up to 1")
		if _, more := g.r.Receipts(false); more {
			t.Error("more is to come")
		}
	})
	t.Run("vouched for", func(t *testing.T) {
		d := newDevice(t, 1)
		g := newRig(t, d)
		first, a, b, c := d.begin(), d.begin(), d.begin(), d.begin()
		g.want(receive.Valid, first)
		g.want(receive.Valid, c)
		g.want(receive.Rollback, a)
		g.want(receive.Valid, b)
		g.want(receive.Valid, a)
		g.now = g.now.Add(time.Hour)
		g.wantSaid(true, "gw-1: up to 0; up to 0; up to 0; up to 0")
	})
	t.Run("of another site", func(t *testing.T) {
		d := newDevice(t, 1)
		g := newRig(t, d)
		d.tweak = func(a *seal.Anchor) { a.Site = "ward-9" }
		g.want(receive.WrongSite, d.begin())
		g.wantSaid(false, "gw-1: refused")
	})
	t.Run("no longer kept", func(t *testing.T) {
		d := newDevice(t, 1)
		g := newRig(t, d)
		g.r.Close()
		g.conf.Chains, g.conf.StatePath = 2, g.conf.StatePath+"2"
		g.open()
		g.want(receive.Valid, d.begin())
		begun := d.sealer.Checkpoint()
		g.want(receive.Valid, d.reading(1))
		late := d.reading(2)
		d.tweak = func(a *seal.Anchor) { a.Previous = begun } // as after a power cut: nobody knows of it
		g.want(receive.Valid, d.begin())
		d.tweak = nil
		g.want(receive.Valid, d.begin())
		g.wantSaid(false, "gw-1: up to 0; up to 0; up to 1")
		g.want(receive.Replay, late)
		g.wantSaid(false, "gw-1: refused; up to 0; up to 0")
	})
	t.Run("revoked", func(t *testing.T) {
		d := newDevice(t, 1)
		g := newRig(t, d)
		g.want(receive.Valid, d.begin())
		g.want(receive.Valid, d.reading(1))
		late := d.reading(2)
		entry := g.ros.devices[d.kid()]
		entry.Revoked = g.now
		g.ros.devices[d.kid()] = entry
		g.want(receive.Revoked, late)
		g.want(receive.Revoked, d.begin())
		g.wantSaid(false, "gw-1: refused; up to 1 refused")
		// What has only expired may be prolonged.
		entry.Revoked, entry.NotAfter = time.Time{}, g.now.Add(-time.Second)
		g.ros.devices[d.kid()] = entry
		g.wantSaid(true, "gw-1: refused; up to 1 refused")
		entry.NotAfter = time.Time{}
		g.ros.devices[d.kid()] = entry
		g.wantSaid(true, "gw-1: up to 1")
	})
}

// More chains than a receipt has room for take several, and every chain has its
// turn; a chain that nothing comes for any more leaves room for others.
func TestReceiptsAreBounded(t *testing.T) {
	var devices []*device
	for i := range 600 {
		d := newDevice(t, 1)
		d.key = keys.NewEd25519(&[32]byte{byte(i), byte(i >> 8), 1})
		d.sealer = seal.NewSealer(d.key)
		psk, err := keys.NewSoftwarePSK(d.kid(), 0, &[32]byte{1})
		if err != nil {
			t.Fatal(err)
		}
		d.psk = psk
		devices = append(devices, d)
	}
	g := newRig(t, devices...)
	var batch []receive.Message
	for _, d := range devices {
		batch = append(batch, g.message(d.begin()))
	}
	if _, err := g.r.HandleBatch(context.Background(), batch); err != nil {
		t.Fatal(err)
	}
	seen := map[keys.KeyID]bool{}
	rounds := 0
	for more := true; more; rounds++ {
		var receipts []seal.Receipt
		receipts, more = g.r.Receipts(false)
		for _, c := range receipts[0].Chains {
			seen[c.Device] = true
		}
		receipts[0].Receiver = "station"
		message, err := seal.AppendReceipt(nil, devices[0].key, &receipts[0])
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d chains in %d bytes", len(receipts[0].Chains), len(message))
	}
	if len(seen) != len(devices) || rounds != 2 {
		t.Errorf("%d chains in %d receipts", len(seen), rounds)
	}

	// One device that begins chain after chain.
	d := devices[0]
	g = newRig(t, d)
	for range 40 {
		g.want(receive.Valid, d.begin())
	}
	if n := strings.Count(g.said(false), "up to"); n != 40 {
		t.Errorf("%d chains are said, all 40 are due", n)
	}
	g.want(receive.Valid, d.reading(1))
	if n := strings.Count(g.said(false), "up to"); n != 17 {
		t.Errorf("%d chains are said, want the newest and 16 more", n)
	}
}

// A state that an earlier version wrote, which did not know what it had given up.
func TestReceiptsFromAnEarlierState(t *testing.T) {
	d := newDevice(t, 1)
	g := newRig(t, d)
	g.want(receive.Valid, d.begin())
	g.want(receive.Valid, d.reading(1))
	if err := g.r.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(g.conf.StatePath, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		chains := tx.Bucket([]byte("chains"))
		k, v := chains.Cursor().First()
		if v[0] != 0x8e || !slices.Equal(v[len(v)-2:], []byte{0, 0}) {
			t.Fatalf("the state of a chain is %x", v)
		}
		return chains.Put(slices.Clone(k), append([]byte{0x8c}, v[1:len(v)-2]...))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	g.open()
	g.wantSaid(true, "gw-1: up to 1")
	g.want(receive.Valid, d.reading(2))
	g.restart()
	g.wantSaid(true, "gw-1: up to 2")
}
