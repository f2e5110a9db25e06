package seal

import "github.com/vitalseal/vitalseal/sdk/core/keys"

// The constants of VSE-1, all of them. Signature and encryption algorithms stand
// in package keys.

const (
	// MaxMessage is the size in bytes above which a message is refused unread.
	MaxMessage = 32 << 10
	// MaxPayload is the largest plaintext that Seal takes.
	MaxPayload = MaxMessage - 256
	// MaxSeq is the last sequence number of a chain: Partial IVs have 5 bytes.
	MaxSeq = 1<<40 - 1
	// MaxEpochShift bounds L: an epoch of content keys has 2^L messages.
	MaxEpochShift = 32
	// DefaultEpochShift gives epochs of 256 messages.
	DefaultEpochShift = 8
	// MaxRecipients bounds the recipients of one anchor.
	MaxRecipients = 16
	// MaxSite is the length in bytes of the longest site name.
	MaxSite = 64
	// MaxReceiptChains bounds the chains of one receipt.
	MaxReceiptChains = 512
	// MaxMissing bounds the runs that one chain of a receipt says are missing.
	MaxMissing = 64

	version = 1

	tagSign1 = 18 // COSE_Sign1, RFC 9052

	headerAlg       = 1  // RFC 9052, table 3
	headerKid       = 4  // RFC 9052, table 3
	headerPartialIV = 6  // RFC 9052, table 3
	headerEK        = -4 // draft-ietf-cose-hpke, encapsulated key

	contextSign      = "Signature1" // RFC 9052, section 4.4
	contextEncrypt   = "Encrypt0"   // RFC 9052, section 5.3
	contextRecipient = "HPKE Recipient"
	contextVSE       = "VSE1"
	contextReceipt   = "VSE1 RECEIPT"

	kindAnchor  = 0
	kindGrant   = 1
	kindReceipt = 2

	eidSize    = 8
	headSize   = 16
	beaconSize = 16

	maxUnixMilli    = 1 << 53
	maxEncapsulated = 1120 // X-Wing: ML-KEM-768 ciphertext and X25519 share
	wrappedSize     = keys.SecretSize + keys.TagSize
)

// EID names a chain: the first 8 bytes of the SHA-256 hash of its anchor's
// to-be-signed bytes.
type EID [eidSize]byte

// Head is the state of a chain: the first 16 bytes of the SHA-256 hash of the
// to-be-signed bytes of its newest message.
type Head [headSize]byte

// Beacon is the random value that a receiver publishes to have it echoed in a
// new anchor: proof that the anchor is younger than the beacon.
type Beacon [beaconSize]byte

// AppendHex appends the 16 lower-case hexadecimal digits of the EID.
func (e EID) AppendHex(dst []byte) []byte { return keys.KeyID(e).AppendHex(dst) }

// String returns the EID as 16 lower-case hexadecimal digits, as in topics.
func (e EID) String() string { return string(e.AppendHex(nil)) }

// Kind is the kind of a message.
type Kind uint8

// Kinds of message.
const (
	KindBatch Kind = iota + 1
	KindAnchor
	KindGrant
)

var kindNames = [...]string{KindBatch: "batch", KindAnchor: "anchor", KindGrant: "grant"}

// String returns "batch", "anchor" or "grant".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return ""
}
