package seal_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/asn1"
	"math/big"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/cbor"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// parts are the pieces of a message that a forger may change before it signs.
type parts struct {
	tag            []byte // of COSE_Sign1, encoded
	protected      []byte // content of the byte string
	unprotected    []byte // encoded
	payload        []byte // content of the byte string; nil: made from the rest
	eid, prev      []byte
	encProtected   []byte // content of the byte string
	encUnprotected []byte // encoded
	ciphertext     []byte
	external       string
	signature      []byte // nil: made by the signer
	tail           []byte // after the message
}

// forge signs a message whose parts a test has changed: what a device with a
// bug, or an attacker with its key, could send.
func (p *parts) forge(t testing.TB, signer keys.Signer) []byte {
	t.Helper()
	if p.payload == nil {
		b := cbor.AppendArray(nil, 3)
		b = cbor.AppendBytes(b, p.eid)
		b = cbor.AppendBytes(b, p.prev)
		b = cbor.AppendArray(b, 3)
		b = cbor.AppendBytes(b, p.encProtected)
		b = append(b, p.encUnprotected...)
		p.payload = cbor.AppendBytes(b, p.ciphertext)
	}
	if p.signature == nil {
		var err error
		if p.signature, err = signer.Sign(nil, toBeSigned(p.protected, p.external, p.payload)); err != nil {
			t.Fatal(err)
		}
	}
	m := append([]byte(nil), p.tag...)
	m = cbor.AppendBytes(cbor.AppendArray(m, 4), p.protected)
	m = append(m, p.unprotected...)
	m = cbor.AppendBytes(m, p.payload)
	return append(cbor.AppendBytes(m, p.signature), p.tail...)
}

// toBeSigned is a Sig_structure made without the package under test.
func toBeSigned(protected []byte, external string, payload []byte) []byte {
	b := cbor.AppendText(cbor.AppendArray(nil, 4), "Signature1")
	b = cbor.AppendBytes(b, protected)
	b = cbor.AppendBytes(b, []byte(external))
	return cbor.AppendBytes(b, payload)
}

func header(alg keys.Algorithm, kid []byte) []byte {
	h := cbor.AppendInt(cbor.AppendUint(cbor.AppendMap(nil, 2), 1), int64(alg))
	return cbor.AppendBytes(cbor.AppendUint(h, 4), kid)
}

func encHeader(suite keys.Algorithm) []byte {
	return cbor.AppendInt(cbor.AppendUint(cbor.AppendMap(nil, 1), 1), int64(suite))
}

func partialIV(iv ...byte) []byte {
	return cbor.AppendBytes(cbor.AppendUint(cbor.AppendMap(nil, 1), 6), iv)
}

func seqBytes(seq uint64) (iv []byte) {
	for ; seq != 0; seq >>= 8 {
		iv = append([]byte{byte(seq)}, iv...)
	}
	return iv
}

// outer returns the parts of a message of d with this payload.
func (d *device) outer(payload []byte) *parts {
	id := d.public.ID()
	return &parts{
		tag: []byte{0xd2}, protected: header(d.public.Algorithm(), id[:]),
		unprotected: []byte{0xa0}, payload: payload, external: "VSE1",
	}
}

// batch returns the parts of batch seq of the chain that anchor begins, sealed
// without a Sealer, so that any sequence number can be had.
func (d *device) batch(t testing.TB, anchor *seal.Verified, seq uint64, prev seal.Head, plaintext []byte) *parts {
	t.Helper()
	a, err := anchor.Anchor()
	if err != nil {
		t.Fatal(err)
	}
	p := d.outer(nil)
	eid := anchor.EID()
	p.eid, p.prev = eid[:], prev[:]
	p.encProtected, p.encUnprotected = encHeader(a.Suite), partialIV(seqBytes(seq)...)
	ratchet, err := keys.NewRatchet(a.Suite, d.public.ID(), &a.Salt, 0, &d.secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := ratchet.Seek(uint32(min(seq>>a.EpochShift, keys.MaxEpochs-1))); err != nil {
		t.Fatal(err)
	}
	p.ciphertext = ratchet.Seal(nil, seq, plaintext, p.aad())
	return p
}

// aad is an Enc_structure made without the package under test.
func (p *parts) aad() []byte {
	x := cbor.AppendText(cbor.AppendArray(nil, 4), "VSE1")
	x = cbor.AppendBytes(x, p.protected)
	x = cbor.AppendBytes(x, p.eid)
	x = cbor.AppendBytes(x, p.prev)
	b := cbor.AppendText(cbor.AppendArray(nil, 3), "Encrypt0")
	b = cbor.AppendBytes(b, p.encProtected)
	return cbor.AppendBytes(b, x)
}

// detP256 signs with ESP256 and without randomness (RFC 6979), so that vectors
// can be made again; keys.P256 is randomised.
type detP256 struct {
	private *ecdsa.PrivateKey
	public  keys.PublicKey
}

func newDetP256(t testing.TB, scalar [32]byte) *detP256 {
	t.Helper()
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar[:])
	if err != nil {
		t.Fatal(err)
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	public, err := keys.NewPublicKey(keys.AlgESP256, point[1:])
	if err != nil {
		t.Fatal(err)
	}
	return &detP256{private, public}
}

func (k *detP256) Public() keys.PublicKey { return k.public }

func (k *detP256) Sign(dst, message []byte) ([]byte, error) {
	digest := sha256.Sum256(message)
	der, err := k.private.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &rs); err != nil {
		return nil, err
	}
	var sig [64]byte
	rs.R.FillBytes(sig[:32])
	rs.S.FillBytes(sig[32:])
	return append(dst, sig[:]...), nil
}

// twin returns the other valid ECDSA signature of the same message: (r, n-s).
func twin(sig []byte) []byte {
	s := new(big.Int).SetBytes(sig[32:])
	s.Sub(elliptic.P256().Params().N, s)
	out := append([]byte(nil), sig...)
	s.FillBytes(out[32:])
	return out
}

// appendGrant encodes a grant's payload without the package under test.
func appendGrant(g *seal.Grant) []byte {
	b := cbor.AppendUint(cbor.AppendArray(nil, 5), 1)
	b = cbor.AppendBytes(b, g.EID[:])
	b = cbor.AppendUint(b, uint64(g.Epoch))
	b = cbor.AppendBytes(b, g.Commitment[:])
	return appendRecipient(b, &g.Recipient)
}

func appendRecipient(b []byte, r *seal.Recipient) []byte {
	b = cbor.AppendBytes(cbor.AppendArray(b, 3), header(r.Algorithm, r.KeyID[:]))
	b = cbor.AppendBytes(cbor.AppendInt(cbor.AppendMap(b, 1), -4), r.Encapsulated)
	return cbor.AppendBytes(b, r.Wrapped)
}

// anchorItems encodes the fourteen items of an anchor's payload without the
// package under test.
func anchorItems(a *seal.Anchor) [][]byte {
	clock, beacon, previous := []byte{0xf6}, []byte{0xf6}, []byte{0xf6}
	if a.Clock.UnixMilli != 0 {
		clock = cbor.AppendUint(cbor.AppendInt(cbor.AppendArray(nil, 2), a.Clock.UnixMilli), uint64(a.Clock.Error))
	}
	if a.Beacon != (seal.Beacon{}) {
		beacon = cbor.AppendBytes(nil, a.Beacon[:])
	}
	if p := &a.Previous; p.EID != (seal.EID{}) {
		previous = cbor.AppendBytes(cbor.AppendArray(nil, 3), p.EID[:])
		previous = cbor.AppendBytes(cbor.AppendUint(previous, p.Seq), p.Head[:])
	}
	source := cbor.AppendUint(nil, uint64(a.Generation))
	if len(a.Recipients) > 0 {
		source = cbor.AppendArray(nil, len(a.Recipients))
		for i := range a.Recipients {
			source = appendRecipient(source, &a.Recipients[i])
		}
	}
	return [][]byte{
		{0}, {1}, cbor.AppendText(nil, a.Site), cbor.AppendUint(nil, a.Boot),
		cbor.AppendBytes(nil, a.Salt[:]), cbor.AppendBytes(nil, a.Commitment[:]),
		cbor.AppendUint(nil, uint64(a.EpochShift)), cbor.AppendInt(nil, int64(a.Suite)),
		cbor.AppendUint(nil, uint64(a.Heartbeat)), clock, beacon, previous, source,
		cbor.AppendUint(nil, uint64(a.Flags)),
	}
}

func array(items ...[]byte) []byte {
	b := cbor.AppendArray(nil, len(items))
	for _, item := range items {
		b = append(b, item...)
	}
	return b
}
