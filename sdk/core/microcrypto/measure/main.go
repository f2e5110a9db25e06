// Command measure seals a thousand messages as a sensor does and says what that
// took. Built with TinyGo for the board lm3s6965evb in QEMU it counts
// instructions, heap and stack, and checks that no instruction count depends on a
// secret; on a host it only prints the hash of the messages, which must be the
// same: run, beside this file, does both.
package main

import (
	"runtime"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/microcrypto"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

const (
	messages   = 1000
	maxPayload = 512
)

// sensor is all that a sealing sensor keeps.
type sensor struct {
	key     *keys.Ed25519
	psk     *keys.SoftwarePSK
	sealer  *seal.Sealer
	anchor  seal.Anchor
	batch   vital.Batch
	payload []byte
	message []byte
	hash    microcrypto.SHA256 // of all messages
}

func main() {
	boardStart()
	if err := run(); err != nil {
		println("FAIL", err.Error())
	}
	boardExit()
}

func run() error {
	var s sensor
	if err := s.start(); err != nil {
		return err
	}
	if err := s.seal(messages); err != nil {
		return err
	}
	var sum [microcrypto.SHA256Size]byte
	s.hash.Sum(&sum)
	print("messages: ", messages, ", SHA-256 ")
	for _, b := range sum {
		const digits = "0123456789abcdef"
		print(digits[b>>4:b>>4+1], digits[b&15:b&15+1])
	}
	println()
	s.parts()
	return nil
}

// start does what a device does once, up to the anchor.
func (s *sensor) start() error {
	seed := [keys.SecretSize]byte{1, 2, 3}
	from := instructions()
	s.key = keys.NewEd25519(&seed)
	report("key from seed", since(from))
	s.sealer = seal.NewSealer(s.key)
	s.sealer.Grow(maxPayload)
	s.payload, s.message = make([]byte, 0, maxPayload), make([]byte, 0, maxPayload+256)
	s.hash.Reset()
	var err error
	if s.psk, err = keys.NewSoftwarePSK(s.sealer.KeyID(), 1, &seed); err != nil {
		return err
	}
	s.anchor = seal.Anchor{Site: "north", Flags: seal.FlagTest | seal.FlagWeakEntropy}
	if err = s.begin(); err != nil {
		return err
	}
	s.fill(0) // twice, with all there is: slices grow here
	s.fill(59)
	_, err = s.batch.Append(s.payload)
	return err
}

// begin begins a chain from the next generation of the pre-shared key.
func (s *sensor) begin() error {
	s.anchor.Boot++
	s.anchor.Salt[0]++
	s.anchor.Generation = s.psk.Generation()
	var secret [keys.SecretSize]byte
	from := instructions()
	if err := s.psk.ContentSecret(&secret, s.sealer.KeyID(), s.anchor.Boot, &s.anchor.Salt); err != nil {
		return err
	}
	if s.anchor.Boot == 1 {
		report("content secret: HKDF extract and expand", since(from))
	}
	if err := s.psk.Next(); err != nil {
		return err
	}
	from = instructions()
	m, err := s.sealer.Begin(s.message[:0], &s.anchor, &secret)
	if err != nil {
		return err
	}
	if s.anchor.Boot == 1 {
		report("anchor, signed", since(from))
	}
	s.hash.Write(m)
	return nil
}

// fill makes second number i of a small monitor; every tenth has an alert, every
// fifth half a second of a wave.
func (s *sensor) fill(i int) {
	b := &s.batch
	b.Reset()
	now := uint64(i) * 1000
	for k, code := range [...]vital.Code{vital.HeartRate, vital.SpO2, vital.PulseRate} {
		b.Numerics = append(b.Numerics, vital.Numeric{
			Time: now, Code: code, Unit: vital.Percent, Value: vital.Decimal{Mantissa: int32(60 + 10*k + i%7)},
		})
	}
	if i%10 == 9 || i == 0 {
		b.Alerts = append(b.Alerts, vital.Alert{Time: now, Source: vital.SpO2, Value: vital.Int(84), Limit: vital.Int(90), Text: "low"})
	}
	if i%5 == 4 || i == 0 {
		w := b.AddWave()
		w.Time, w.Code, w.Unit, w.Rate = now, vital.ECGLeadII, vital.Millivolt, vital.Int(250)
		for k := range int32(125) {
			w.Samples = append(w.Samples, (k*k+int32(i))%61-k)
		}
	}
}

// seal seals n messages, with a new chain in the middle, and reports what one
// took and what all of them allocated.
func (s *sensor) seal(n int) error {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var encoding, sealing uint64
	for i := range n {
		if i == n/2 {
			if err := s.begin(); err != nil {
				return err
			}
		}
		s.fill(i)
		from := instructions()
		payload, err := s.batch.Append(s.payload)
		encoding += uint64(since(from))
		if err != nil {
			return err
		}
		from = instructions()
		m, err := s.sealer.Seal(s.message[:0], payload)
		sealing += uint64(since(from))
		if err != nil {
			return err
		}
		s.hash.Write(m)
	}
	runtime.ReadMemStats(&after)
	report("encode a reading, mean", uint32(encoding/uint64(n)))
	report("seal and sign it, mean", uint32(sealing/uint64(n)))
	if mallocs := after.Mallocs - before.Mallocs; counting && mallocs != 0 {
		println("FAIL", mallocs, "allocations in", n, "messages")
	} else if counting {
		println("heap: no allocation in", n, "messages")
	}
	return nil
}

// parts reports single operations, and that they take the same number of
// instructions whatever the secrets are.
func (s *sensor) parts() {
	var aead microcrypto.ChaCha20Poly1305
	var key microcrypto.Ed25519
	var seed, public [32]byte
	var nonce [microcrypto.NonceSize]byte
	var sig [microcrypto.SignatureSize]byte
	text := s.message[:180]
	random := func(b []byte) {
		for i := range b {
			b[i] = s.psk.Key()[i%32] + byte(i)
		}
		if s.psk.Next() != nil {
			println("FAIL: no next key")
		}
	}
	var sealing, making, signing spread
	for range 50 {
		random(text)
		random(seed[:])
		from := instructions()
		aead.SetKey(&seed)
		aead.Seal(text[:0], &nonce, text[:59], text[80:160])
		sealing.add(since(from))
		from = instructions()
		key.SetSeed(&seed)
		making.add(since(from))
		from = instructions()
		key.Sign(&sig, text)
		signing.add(since(from))
	}
	sealing.report("ChaCha20-Poly1305, 59 bytes and 80 of AAD")
	making.report("Ed25519 key")
	signing.report("Ed25519 signature, 180 bytes")
	public = key.Public()
	from := instructions()
	if !microcrypto.VerifyEd25519(&public, text, &sig) {
		println("FAIL: does not verify")
	}
	report("Ed25519 verification, 180 bytes", since(from))
}

// spread is the least and the most of some counts.
type spread struct{ least, most uint32 }

func (s *spread) add(n uint32) {
	if s.most == 0 || n < s.least {
		s.least = n
	}
	s.most = max(s.most, n)
}

func (s *spread) report(what string) {
	report(what, s.most)
	if s.most-s.least > resolution {
		println("FAIL: between", s.least, "and", s.most, "instructions, with the secret")
	}
}

func report(what string, n uint32) {
	if counting {
		println(what+":", n, "instructions")
	}
}
