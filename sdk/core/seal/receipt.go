package seal

import (
	"unicode/utf8"

	"github.com/vitalseal/vitalseal/sdk/core/cbor"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
)

// Receipt is what a receiver signs back to a gateway: how far it has, durably,
// each of the chains that come through that gateway. A chain that is not in a
// receipt is one that the receipt says nothing about.
//
// An old receipt, sent once more, only says less than the newest. Site, gateway
// and receiver are signed, so that it is of use at one gateway and in the name of
// one receiver; the reader compares them with its own.
type Receipt struct {
	Site     string // 1 to MaxSite bytes, as are the next two
	Gateway  string
	Receiver string // name of the recipient whose key signs

	// Chains is in ascending order of device, then EID, each once, at most
	// MaxReceiptChains.
	Chains []ReceivedChain
}

// ReceivedChain says that of one chain the anchor and all messages up to the
// Checkpoint's Seq are judged and what they say is durable at the receiver,
// except the numbers in Missing and GivenUp. Head is the head at Seq, so that it
// stands for the whole chain up to there.
type ReceivedChain struct {
	Device keys.KeyID
	Checkpoint

	// Missing is what the receiver lacks and would take: runs of numbers from 1 to
	// below Seq, ascending, with a number between two runs, at most MaxMissing. A
	// receiver that lacks more says less: its Seq is before the first run that
	// does not fit.
	Missing []Interval

	// GivenUp is a run of numbers, before the first that is missing, of which the
	// receiver has some and will take no more. Zero: none.
	GivenUp Interval

	// Refused says that the receiver will take nothing more of this chain, which is
	// authentic, but old, rolled back or of a revoked device. Seq and Head are zero
	// if it has nothing of it.
	Refused bool
}

// Received reports whether the receiver has message seq (0: the anchor).
func (c *ReceivedChain) Received(seq uint64) bool {
	if c.Head == (Head{}) || seq > c.Seq || c.GivenUp.contains(seq) {
		return false
	}
	for _, m := range c.Missing {
		if m.contains(seq) {
			return false
		}
	}
	return true
}

// Refuses reports whether message seq is of no more use to the receiver although
// it may never have come: sending it again changes nothing.
func (c *ReceivedChain) Refuses(seq uint64) bool {
	return c.GivenUp.contains(seq) || c.Refused && !c.Received(seq)
}

// contains is false for every number from 1 on if the interval is zero.
func (i Interval) contains(n uint64) bool { return n > 0 && n >= i.First && n <= i.Last }

// AppendReceipt appends the message that states r, signed by the receiver's key.
// Nothing is appended of a receipt out of range (ErrReceipt), or one of more than
// MaxMessage bytes (ErrTooLarge).
func AppendReceipt(dst []byte, signer keys.Signer, r *Receipt) ([]byte, error) {
	if !r.valid() {
		return nil, ErrReceipt
	}
	public := signer.Public()
	protected := appendProtected(nil, public.Algorithm(), public.ID())
	payload := r.append(nil)
	toBeSigned := appendSigStructure(nil, protected, contextReceipt)
	toBeSigned = cbor.AppendBytes(toBeSigned, payload)
	signature, err := signer.Sign(nil, toBeSigned)
	if err != nil {
		return nil, err
	}
	if len(signature) != keys.SignatureSize {
		return nil, ErrBadSignature
	}
	start := len(dst)
	dst = appendSign1(dst, protected, payload, signature)
	if len(dst)-start > MaxMessage {
		return nil, ErrTooLarge
	}
	return dst, nil
}

// ReadReceipt verifies a receipt with the key that is registered for the receiver
// and reads it; nothing of it is read before. Errors are ErrTooLarge, ErrMalformed,
// ErrWrongKey and ErrBadSignature. What it accepts has exactly one encoding.
func ReadReceipt(message []byte, key *keys.PublicKey) (Receipt, error) {
	e, err := parseSign1(message)
	if err != nil {
		return Receipt{}, err
	}
	if _, err := e.authenticate(nil, key, contextReceipt); err != nil {
		return Receipt{}, err
	}
	return parseReceipt(e.payload)
}

// ReceiptKeyID returns the key that a receipt names as its signer's. The receipt
// has the shape of one and is not verified: anybody can have made it. Errors are
// ErrTooLarge and ErrMalformed.
func ReceiptKeyID(message []byte) (keys.KeyID, error) {
	e, err := parseSign1(message)
	if err != nil {
		return keys.KeyID{}, err
	}
	if _, err := parseReceipt(e.payload); err != nil {
		return keys.KeyID{}, err
	}
	return e.KeyID(), nil
}

// valid holds what is signed and what is read to the same ranges.
func (r *Receipt) valid() bool {
	for _, name := range []string{r.Site, r.Gateway, r.Receiver} {
		if name == "" || len(name) > MaxSite || !utf8.ValidString(name) {
			return false
		}
	}
	for i := range r.Chains {
		if !r.Chains[i].valid() || i > 0 && !r.Chains[i-1].before(&r.Chains[i]) {
			return false
		}
	}
	return len(r.Chains) <= MaxReceiptChains
}

func (c *ReceivedChain) before(other *ReceivedChain) bool {
	a, b := string(c.Device[:]), string(other.Device[:])
	return a < b || a == b && string(c.EID[:]) < string(other.EID[:])
}

func (c *ReceivedChain) valid() bool {
	if c.Head == (Head{}) {
		return c.Refused && c.Seq == 0 && len(c.Missing) == 0 && c.GivenUp == Interval{}
	}
	next := uint64(1) // the first number that a run may begin with
	if c.GivenUp != (Interval{}) {
		if c.GivenUp.First < 1 || c.GivenUp.Last < c.GivenUp.First || c.GivenUp.Last >= c.Seq {
			return false
		}
		next = c.GivenUp.Last + 2
	}
	for _, m := range c.Missing {
		if m.First < next || m.Last < m.First || m.Last >= c.Seq {
			return false
		}
		next = m.Last + 2
	}
	return c.Seq <= MaxSeq && len(c.Missing) <= MaxMissing
}

// append appends the payload of the receipt.
func (r *Receipt) append(dst []byte) []byte {
	dst = cbor.AppendArray(dst, 6)
	dst = cbor.AppendUint(dst, kindReceipt)
	dst = cbor.AppendUint(dst, version)
	dst = cbor.AppendText(dst, r.Site)
	dst = cbor.AppendText(dst, r.Gateway)
	dst = cbor.AppendText(dst, r.Receiver)
	dst = cbor.AppendArray(dst, len(r.Chains))
	for i := range r.Chains {
		dst = r.Chains[i].append(dst)
	}
	return dst
}

func (c *ReceivedChain) append(dst []byte) []byte {
	dst = cbor.AppendArray(dst, 7)
	dst = cbor.AppendBytes(dst, c.Device[:])
	dst = cbor.AppendBytes(dst, c.EID[:])
	dst = cbor.AppendUint(dst, c.Seq)
	if c.Head == (Head{}) {
		dst = cbor.AppendNull(dst)
	} else {
		dst = cbor.AppendBytes(dst, c.Head[:])
	}
	dst = cbor.AppendArray(dst, 2*len(c.Missing))
	for _, m := range c.Missing {
		dst = cbor.AppendUint(cbor.AppendUint(dst, m.First), m.Last)
	}
	if c.GivenUp == (Interval{}) {
		dst = cbor.AppendNull(dst)
	} else {
		dst = cbor.AppendArray(dst, 2)
		dst = cbor.AppendUint(cbor.AppendUint(dst, c.GivenUp.First), c.GivenUp.Last)
	}
	return cbor.AppendBool(dst, c.Refused)
}

func parseReceipt(payload []byte) (Receipt, error) {
	p := cbor.NewReader(payload)
	p.ArrayLen(6)
	kind, v := p.Uint(), p.Uint()
	if kind != kindReceipt || v != version {
		p.Fail(ErrMalformed)
	}
	r := Receipt{Site: string(p.Text(MaxSite)), Gateway: string(p.Text(MaxSite)), Receiver: string(p.Text(MaxSite))}
	n := p.Array()
	if n > MaxReceiptChains {
		p.Fail(ErrMalformed)
	}
	for i := 0; i < n && p.Err() == nil; i++ {
		r.Chains = append(r.Chains, parseReceivedChain(&p))
	}
	if p.Done() != nil || !r.valid() {
		return Receipt{}, ErrMalformed
	}
	return r, nil
}

// parseReceivedChain leaves ranges and order to valid, but for absent values: zero
// is written as null.
func parseReceivedChain(p *cbor.Reader) (c ReceivedChain) {
	p.ArrayLen(7)
	copy(c.Device[:], p.BytesLen(len(c.Device)))
	copy(c.EID[:], p.BytesLen(eidSize))
	c.Seq = p.UintMax(MaxSeq)
	if !p.Null() {
		c.Head = Head(fixed(p, headSize))
	}
	n := p.Array()
	if n%2 != 0 || n > 2*MaxMissing {
		p.Fail(ErrMalformed)
	}
	for i := 0; i < n/2 && p.Err() == nil; i++ {
		c.Missing = append(c.Missing, parseInterval(p))
	}
	if !p.Null() {
		p.ArrayLen(2)
		if c.GivenUp = parseInterval(p); c.GivenUp == (Interval{}) {
			p.Fail(ErrMalformed)
		}
	}
	c.Refused = p.Bool()
	return c
}

func parseInterval(p *cbor.Reader) Interval {
	first := p.UintMax(MaxSeq)
	return Interval{first, p.UintMax(MaxSeq)}
}
