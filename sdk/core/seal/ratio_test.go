//go:build linux

package seal_test

import (
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/veraison/go-cose"
	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/sys/unix"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// BenchmarkSealRatio gives what sealing costs as a multiple of the bare primitives
// on the same lengths. The contestants take turns in blocks of a few messages on
// one locked thread and are timed in that thread's CPU time; what is reported is
// the median of the ratios, so that neither the machine's other work nor its clock
// rate is in it. A value of 1.03 means that encoding, chaining and copying cost
// 3%.
//
//	envelope/raw          seal a payload that is already encoded
//	wave/raw              encode a wave of 16-bit samples of that length and seal it:
//	                      what encoding costs where it does not compress
//	sealing/raw           encode a batch of readings and seal it: 3 bytes a reading,
//	                      so that the largest has hundreds to encode
//	sealing/(encode+raw)  the same over primitives that encode the batch, too
//	go-cose/raw           the same envelope by veraison/go-cose and fxamacker/cbor
//
// Run it with
//
//	go test ./sdk/core/seal -run '^$' -bench SealRatio -benchtime 2s
func BenchmarkSealRatio(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) { benchRatio(b, size) })
	}
}

func benchRatio(b *testing.B, size int) {
	batch, payload := readings(b, size)
	wave, wavePayload := samples(b, size)
	d := newDevice(1)
	d.anchor.EpochShift = 24
	raw := newPrimitives(b, d, len(payload))
	rawWave := newPrimitives(b, newDevice(1), len(wavePayload))
	other := newGoCOSE(b, d)
	message := make([]byte, 0, 4096)
	encoded := make([]byte, 0, 4096)
	run := [...]func(){
		func() { raw.run(payload) },
		func() {
			if _, err := d.sealer.Seal(message, payload); err != nil {
				b.Fatal(err)
			}
		},
		func() {
			p, err := batch.Append(encoded)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := d.sealer.Seal(message, p); err != nil {
				b.Fatal(err)
			}
		},
		func() { other.seal(b, payload) },
		func() {
			p, err := batch.Append(encoded)
			if err != nil {
				b.Fatal(err)
			}
			raw.run(p)
		},
		func() { rawWave.run(wavePayload) },
		func() {
			p, err := wave.Append(encoded)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := d.sealer.Seal(message, p); err != nil {
				b.Fatal(err)
			}
		},
	}
	metrics := [...]struct {
		name     string
		of, over int
	}{
		{"envelope/raw", 1, 0}, {"wave/raw", 6, 5}, {"sealing/raw", 2, 0}, {"go-cose/raw", 3, 0}, {"sealing/(encode+raw)", 2, 4},
	}
	var ratios [len(metrics)][]float64
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	order := []int{0, 1, 2, 3, 4, 5, 6}
	for b.Loop() {
		var spent [len(run)]int64
		for range order { // each contestant at each place of the round
			for _, i := range order {
				from := threadTime(b)
				for range 4 {
					run[i]()
				}
				spent[i] += threadTime(b) - from
			}
			order = append(order[1:], order[0])
		}
		for i, m := range metrics {
			ratios[i] = append(ratios[i], float64(spent[m.of])/float64(spent[m.over]))
		}
	}
	for i, m := range metrics {
		slices.Sort(ratios[i])
		b.ReportMetric(ratios[i][len(ratios[i])/2], m.name)
	}
	b.ReportMetric(float64(len(payload)), "bytes")
	b.ReportMetric(0, "ns/op")
}

func threadTime(b *testing.B) int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		b.Fatal(err)
	}
	return ts.Nano()
}

// samples returns a batch of one wave that encodes to size bytes or one less, and
// its encoding.
func samples(b *testing.B, size int) (*vital.Batch, []byte) {
	b.Helper()
	batch := new(vital.Batch)
	w := batch.AddWave()
	w.Code, w.Unit, w.Rate, w.Coding = vital.ECGLeadII, vital.Millivolt, vital.Int(250), vital.CodingInt16
	for i := int32(0); ; i++ {
		w.Samples = append(w.Samples, i*i%4001-2000)
		payload, err := batch.Append(nil)
		if err != nil {
			b.Fatal(err)
		}
		if len(payload) >= size-1 {
			return batch, payload
		}
	}
}

// readings returns the largest batch of pulse rates, one a second, that encodes
// to at most size bytes, and its encoding.
func readings(b *testing.B, size int) (*vital.Batch, []byte) {
	b.Helper()
	batch := new(vital.Batch)
	var payload []byte
	for i := int32(0); ; i++ {
		batch.Numerics = append(batch.Numerics, vital.Numeric{Time: 1000 * uint64(i), Code: vital.PulseRate,
			Unit: vital.BeatsPerMinute, Value: vital.Decimal{Mantissa: 60 + i*i%37}})
		next, err := batch.Append(nil)
		if err != nil {
			b.Fatal(err)
		}
		if len(next) > size {
			batch.Numerics = batch.Numerics[:i]
			return batch, payload
		}
		payload = next
	}
}

// goCOSE makes the same envelope with the libraries that one would take: structs
// encoded by fxamacker/cbor in core deterministic mode, signed by go-cose with
// its EdDSA.
type goCOSE struct {
	mode      cbor.EncMode
	aead      cipher.AEAD
	signer    cose.Signer
	kid       []byte
	eid, prev []byte
	seq       uint64
}

type goBatch struct {
	_        struct{} `cbor:",toarray"`
	EID      []byte
	Prev     []byte
	Encrypt0 goEncrypt0
}

type goEncrypt0 struct {
	_           struct{} `cbor:",toarray"`
	Protected   []byte
	Unprotected map[int][]byte
	Ciphertext  []byte
}

func newGoCOSE(b *testing.B, d *device) *goCOSE {
	b.Helper()
	seed := [32]byte{1}
	signer, err := cose.NewSigner(cose.AlgorithmEdDSA, ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		b.Fatal(err)
	}
	aead, err := chacha20poly1305.New(seed[:])
	if err != nil {
		b.Fatal(err)
	}
	id := d.public.ID()
	return &goCOSE{mode: deterministic(b), aead: aead, signer: signer, kid: id[:],
		eid: make([]byte, 8), prev: make([]byte, 16), seq: 1 << 16}
}

func (c *goCOSE) marshal(b *testing.B, v any) []byte {
	out, err := c.mode.Marshal(v)
	if err != nil {
		b.Fatal(err)
	}
	return out
}

func (c *goCOSE) seal(b *testing.B, payload []byte) []byte {
	c.seq++
	encProtected := c.marshal(b, map[int]int{1: 24})
	protected := c.marshal(b, map[int]any{1: int(cose.AlgorithmEdDSA), 4: c.kid})
	external := c.marshal(b, []any{"VSE1", protected, c.eid, c.prev})
	aad := c.marshal(b, []any{"Encrypt0", encProtected, external})
	partial := seqBytes(c.seq)
	nonce := xorPartialIV(make([]byte, 12), partial)
	inner := c.marshal(b, goBatch{EID: c.eid, Prev: c.prev, Encrypt0: goEncrypt0{
		Protected: encProtected, Unprotected: map[int][]byte{6: partial},
		Ciphertext: c.aead.Seal(nil, nonce, payload, aad),
	}})
	message, err := cose.Sign1(rand.Reader, c.signer, cose.Headers{Protected: cose.ProtectedHeader{
		cose.HeaderLabelAlgorithm: cose.AlgorithmEdDSA, cose.HeaderLabelKeyID: c.kid,
	}}, inner, []byte("VSE1"))
	if err != nil {
		b.Fatal(err)
	}
	digest := sha256.Sum256(inner) // go-cose keeps its Sig_structure to itself
	copy(c.prev, digest[:])
	return message
}
