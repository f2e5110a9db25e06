package sdk_test

import (
	"context"
	"errors"
	"math/bits"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// TestRefusedIsSignedForInAFullOutbox refuses readings while the broker is away and
// the outbox gives up its oldest data again and again: what was refused is in none of
// them, and is signed for to the last reading, in a few accounts.
func TestRefusedIsSignedForInAFullOutbox(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t, "oximeter")
	conf := w.Config()
	conf.MaxStored, conf.MaxWaiting = 1<<20, 64<<10
	w.Broker.Kill()
	p := w.Open(conf)
	d := w.Device(p, "oximeter")
	must(t, p.Sync(context.Background())) // which waits until it is sure that there is no beacon
	begun := time.Now()
	noise := vital.Batch{}
	wave := noise.AddWave()
	wave.Code, wave.Unit, wave.Rate, wave.Factor = vital.ECG, vital.Millivolt, vital.Int(500), vital.Int(1)
	rng := rand.New(rand.NewPCG(1, 1))
	for range 1900 {
		wave.Samples = append(wave.Samples, int32(rng.Uint32()))
	}
	tooMany := make([]vital.Numeric, 5000)
	stalls := 0 // when an account may be so late that what follows seems to be after a calm
	for p.Stats().Outbox.Dropped < 400 {
		round := time.Now()
		for i := range tooMany {
			tooMany[i] = spo2(i)
		}
		if err := d.Record(tooMany...); !errors.Is(err, sdk.ErrFull) {
			t.Fatalf("200 kB: %v", err)
		}
		must(t, d.RecordBatch(time.Now(), &noise))
		must(t, p.Sync(context.Background()))
		if time.Since(round) > time.Second/2 {
			stalls++
		}
	}
	w.CloseAtOnce(p)
	refused, dropped := d.Stats().Refused, p.Stats().Outbox.Dropped // Close too may need room
	took := time.Since(begun)

	w.Broker.Start()
	got := w.ReceiveWith(sdk.ReceiverConfig{AcceptPast: true, TrustFirst: true})
	p = w.Open(conf)
	w.Device(p, "oximeter")
	before := dropped
	got.Until("the accounts", func(f *sdktest.Found) bool {
		dropped = before + p.Stats().Outbox.Dropped // what is new needs room until the broker has taken some
		return signed(f.Drops, vital.DropBound) >= refused && signed(f.Drops, vital.DropStore) >= dropped
	})
	w.Close(p)
	got.Look(func(f *sdktest.Found) {
		accounts := 0
		for _, drop := range f.Drops {
			if drop.Reason == vital.DropBound {
				accounts++
			}
		}
		t.Logf("%d readings refused and %d envelopes dropped in %v; the refused are in %d accounts", refused, dropped, took.Round(time.Millisecond), accounts)
		if n := signed(f.Drops, vital.DropBound); n != refused {
			t.Errorf("%d readings refused, %d signed for", refused, n)
		}
		if n := signed(f.Drops, vital.DropStore); n != dropped {
			t.Errorf("%d envelopes dropped, %d signed for", dropped, n)
		}
		doubling := 1 + bits.Len(uint(took/time.Second))
		if most := 2 + (1+stalls)*doubling; accounts > most { // the last is Close's
			t.Errorf("%d accounts in %v with %d stalls, want at most %d", accounts, took, stalls, most)
		}
	})
}

// TestAccountsAreFew refuses readings for a day: with a broker that takes accounts as
// they come there is one a second, without it a few hundred, and none loses any.
func TestAccountsAreFew(t *testing.T) {
	for _, tt := range []struct {
		name string
		idle bool
		most int
	}{
		{"the broker takes them", true, 24 * 60 * 60},
		{"the broker is away", false, 24*6 + 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var o sdk.Owing
			var refused, signed uint64
			accounts, begun := 0, time.Now()
			longest, last := time.Duration(0), begun
			for now := begun; now.Sub(begun) < 24*time.Hour; now = now.Add(100 * time.Millisecond) {
				o.Owe(vital.Dropped{Reason: vital.DropBound, Count: 7})
				refused += 7
				drops := o.Account(now, tt.idle)
				if len(drops) == 0 {
					continue
				}
				accounts++
				longest, last = max(longest, now.Sub(last)), now
				for _, d := range drops {
					signed += d.Count
				}
			}
			o.Owe(vital.Dropped{Reason: vital.DropBound, Count: 7})
			refused += 7
			for _, d := range o.Account(last.Add(time.Hour), tt.idle) {
				signed += d.Count
			}
			t.Logf("%d accounts, the longest wait %v", accounts, longest)
			if signed != refused || accounts > tt.most || longest > 10*time.Minute {
				t.Errorf("%d refused, %d signed for in %d accounts, the longest wait %v", refused, signed, accounts, longest)
			}
		})
	}
}

// TestLossesAreSummedUp owes envelopes one by one: a run of one chain is one loss,
// and what cannot be told apart any more is still counted.
func TestLossesAreSummedUp(t *testing.T) {
	var o sdk.Owing
	envelope := func(chain byte, seq uint64) vital.Dropped {
		return vital.Dropped{Reason: vital.DropStore, Count: 1, EID: [8]byte{chain}, From: seq, To: seq}
	}
	for seq := range uint64(1000) { // two chains in turn
		o.Owe(envelope(1, 1+seq), envelope(2, 1+seq))
	}
	o.Owe(envelope(1, 1002))
	want := []vital.Dropped{
		{Reason: vital.DropStore, Count: 1000, EID: [8]byte{1}, From: 1, To: 1000},
		{Reason: vital.DropStore, Count: 1000, EID: [8]byte{2}, From: 1, To: 1000},
		{Reason: vital.DropStore, Count: 1, EID: [8]byte{1}, From: 1002, To: 1002},
	}
	got := o.Account(time.Now(), true)
	if len(got) != len(want) {
		t.Fatalf("%+v, want %+v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%+v, want %+v", got[i], want[i])
		}
	}
	for i := range uint64(10000) {
		o.Owe(envelope(3, 1+2*i))
	}
	var count uint64
	got = o.Account(time.Now().Add(time.Hour), true)
	for _, d := range got {
		if count += d.Count; d.From > d.To || d.To > 20000 {
			t.Errorf("%+v", d)
		}
	}
	if count != 10000 || len(got) > 300 {
		t.Errorf("%d envelopes in %d losses, want 10000 in at most 300", count, len(got))
	}
}
