package seal

import (
	"github.com/vitalseal/vitalseal/sdk/core/cbor"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
)

// Grant opens an anchor to one more recipient from an epoch on: it wraps CS_j,
// from which no earlier epoch can be computed.
type Grant struct {
	EID   EID    // of the anchor
	Epoch uint32 // j, at least 1: the whole chain is never granted afterwards

	// Commitment binds CS_j for this recipient as the anchor's binds CS_0 for
	// those it names; a grantee cannot compute the anchor's.
	Commitment [keys.SecretSize]byte

	Recipient Recipient
}

func (g *Grant) append(dst []byte) []byte {
	dst = cbor.AppendArray(dst, 5)
	dst = cbor.AppendUint(dst, kindGrant)
	dst = cbor.AppendBytes(dst, g.EID[:])
	dst = cbor.AppendUint(dst, uint64(g.Epoch))
	dst = cbor.AppendBytes(dst, g.Commitment[:])
	return g.Recipient.append(dst)
}

func parseGrant(payload []byte) (Grant, error) {
	var g Grant
	r := cbor.NewReader(payload)
	r.ArrayLen(5)
	if r.Uint() != kindGrant {
		r.Fail(ErrMalformed)
	}
	copy(g.EID[:], r.BytesLen(eidSize))
	g.Epoch = uint32(r.UintMax(keys.MaxEpochs - 1))
	copy(g.Commitment[:], r.BytesLen(keys.SecretSize))
	g.Recipient.parse(&r)
	if r.Done() != nil || g.Epoch == 0 {
		return Grant{}, ErrMalformed
	}
	return g, nil
}
