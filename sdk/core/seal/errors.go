package seal

import "errors"

// Why a message is not accepted, in the order in which a receiver finds out.
var (
	ErrTooLarge     = errors.New("seal: message is larger than 32 KiB")
	ErrMalformed    = errors.New("seal: malformed message")
	ErrWrongKey     = errors.New("seal: message is of another device, or of another algorithm than its key")
	ErrBadSignature = errors.New("seal: signature does not verify")
	ErrWrongAnchor  = errors.New("seal: message is not sealed under this anchor")
	ErrCommitment   = errors.New("seal: content secret is not the one the anchor commits to")
	ErrCannotOpen   = errors.New("seal: message does not open under its anchor's keys")
	ErrKind         = errors.New("seal: message is of another kind")
)

// Why a Sealer does not seal.
var (
	ErrNoAnchor  = errors.New("seal: no anchor: begin a chain before sealing")
	ErrExhausted = errors.New("seal: the chain is at its end: begin a new one")
	ErrPayload   = errors.New("seal: payload is empty or too large for one message")
	ErrAnchor    = errors.New("seal: anchor is incomplete or out of range")
)

// ErrReceipt is why AppendReceipt does not sign.
var ErrReceipt = errors.New("seal: receipt is incomplete, out of order or out of range")
