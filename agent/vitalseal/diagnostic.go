package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
)

// sign1 is a COSE_Sign1 (RFC 9052, section 4.2), taken apart and not checked.
type sign1 struct {
	_           struct{} `cbor:",toarray"`
	Protected   []byte
	Unprotected cbor.RawMessage
	Payload     []byte
	Signature   []byte
}

// diagnose returns a message in diagnostic notation, with comments where it has
// the shape of one. What is not CBOR is an error, and text is empty then.
func diagnose(message []byte) (text string, err error) {
	whole, err := cbor.Diagnose(message)
	if err != nil {
		return "", fmt.Errorf("not CBOR: %w", err)
	}
	var tag cbor.RawTag
	var m sign1
	if cbor.Unmarshal(message, &tag) != nil || tag.Number != 18 || cbor.Unmarshal(tag.Content, &m) != nil {
		return whole + "\n", nil
	}
	var n notation
	n.line("18([", "COSE_Sign1")
	n.indent++
	n.embedded(m.Protected, protectedComment(m.Protected), ",")
	n.line(diag(m.Unprotected)+",", "unprotected")
	n.payload(m.Payload)
	n.line(bstr(m.Signature), fmt.Sprintf("signature, %d bytes", len(m.Signature)))
	n.indent--
	n.line("])", "")
	return n.b.String(), nil
}

// notation writes diagnostic notation, an item a line.
type notation struct {
	b      strings.Builder
	indent int
}

// line writes an item and a comment, which is between slashes in this notation.
func (n *notation) line(item, comment string) {
	n.b.WriteString(strings.Repeat("  ", n.indent) + item)
	if comment != "" {
		n.b.WriteString("  / " + strings.ReplaceAll(comment, "/", "|") + " /")
	}
	n.b.WriteByte('\n')
}

// embedded writes a byte string that should hold CBOR, as <<...>> if it does.
func (n *notation) embedded(raw []byte, comment, end string) {
	if text, err := cbor.Diagnose(raw); err == nil {
		n.line("<<"+text+">>"+end, comment)
		return
	}
	n.line(bstr(raw)+end, comment)
}

// payload writes the payload with a comment for each item, if it is a batch, an
// anchor, a grant or a receipt.
func (n *notation) payload(raw []byte) {
	var items []cbor.RawMessage
	if cbor.Unmarshal(raw, &items) != nil {
		n.embedded(raw, "payload", ",")
		return
	}
	kind, names := payloadKind(items)
	n.line("<<[", kind)
	n.indent++
	for i, item := range items {
		comment := ""
		if i < len(names) {
			comment = names[i]
		}
		n.item(item, comment, comma(i, len(items)))
	}
	n.indent--
	n.line("]>>,", "")
}

// Names of the items of a payload; FORMAT.md of package seal has them.
const (
	encrypted  = "COSE_Encrypt0"
	recipients = "key source"
	recipient  = "recipient"
	chains     = "chains"
)

func payloadKind(items []cbor.RawMessage) (kind string, names []string) {
	var number uint64
	switch {
	case len(items) == 3:
		return "a batch: readings", []string{"chain", "hash of the message before", encrypted}
	case len(items) == 14 && cbor.Unmarshal(items[0], &number) == nil && number == 0:
		return "an anchor: begins a chain", []string{"kind", "version", "site", "boot", "salt", "commitment to the content keys",
			"epoch shift", "suite", "heartbeat, ms", "clock", "beacon echoed", "chain before", recipients, "flags"}
	case len(items) == 5 && cbor.Unmarshal(items[0], &number) == nil && number == 1:
		return "a grant: opens a chain to one more recipient", []string{"kind", "chain", "epoch", "commitment to the content key", recipient}
	case len(items) == 6 && cbor.Unmarshal(items[0], &number) == nil && number == 2:
		return "a receipt: what a receiver has", []string{"kind", "version", "site", "gateway", "receiver", chains}
	}
	return "payload", nil
}

// item writes one item of a payload, with what is nested in it taken apart.
func (n *notation) item(raw cbor.RawMessage, name, end string) {
	var list []cbor.RawMessage
	switch {
	case name == encrypted && cbor.Unmarshal(raw, &list) == nil && len(list) == 3:
		n.encrypt0(list, end)
	case name == recipient && cbor.Unmarshal(raw, &list) == nil && len(list) == 3:
		n.recipient(list, end)
	case name == recipients && cbor.Unmarshal(raw, &list) == nil:
		n.line("[", "recipients of the content secret")
		n.indent++
		for i, one := range list {
			n.item(one, recipient, comma(i, len(list)))
		}
		n.indent--
		n.line("]"+end, "")
	case name == chains && cbor.Unmarshal(raw, &list) == nil:
		n.line("[", chains)
		n.indent++
		for i, one := range list {
			n.chain(one, comma(i, len(list)))
		}
		n.indent--
		n.line("]"+end, "")
	case name == recipients:
		n.line(diag(raw)+end, "generation of the pre-shared key")
	case name == "clock":
		n.line(diag(raw)+end, clockComment(raw))
	case name == "suite":
		n.line(diag(raw)+end, "suite: "+algorithm(raw))
	default:
		n.line(diag(raw)+end, name)
	}
}

func comma(i, of int) string {
	if i == of-1 {
		return ""
	}
	return ","
}

func (n *notation) encrypt0(list []cbor.RawMessage, end string) {
	n.line("[", encrypted)
	n.indent++
	n.embedded(bytesOf(list[0]), protectedComment(bytesOf(list[0])), ",")
	n.line(diag(list[1])+",", sequenceComment(list[1]))
	n.line(diag(list[2]), fmt.Sprintf("ciphertext, %d bytes", len(bytesOf(list[2]))))
	n.indent--
	n.line("]"+end, "")
}

func (n *notation) recipient(list []cbor.RawMessage, end string) {
	n.line("[", "COSE_recipient")
	n.indent++
	n.embedded(bytesOf(list[0]), protectedComment(bytesOf(list[0])), ",")
	n.line(diag(list[1])+",", "encapsulated key")
	n.line(diag(list[2]), "wrapped content secret")
	n.indent--
	n.line("]"+end, "")
}

// chain writes what a receipt says of a chain.
func (n *notation) chain(raw cbor.RawMessage, end string) {
	names := []string{"device", "chain", "sequence number up to which the receiver has it", "hash of the message of that number",
		"missing: first and last of each run", "given up: first and last", "refused"}
	var list []cbor.RawMessage
	if cbor.Unmarshal(raw, &list) != nil || len(list) != len(names) {
		n.line(diag(raw)+end, "")
		return
	}
	n.line("[", "of one chain")
	n.indent++
	for i, item := range list {
		n.line(diag(item)+comma(i, len(list)), names[i])
	}
	n.indent--
	n.line("]"+end, "")
}

// protectedComment names the algorithm of a protected header.
func protectedComment(raw []byte) string {
	var header struct {
		Algorithm cbor.RawMessage `cbor:"1,keyasint"`
		KeyID     []byte          `cbor:"4,keyasint"`
	}
	if cbor.Unmarshal(raw, &header) != nil {
		return "protected"
	}
	text := "protected: " + algorithm(header.Algorithm)
	if len(header.KeyID) > 0 {
		text += ", key id"
	}
	return text
}

func algorithm(raw []byte) string {
	var number keys.Algorithm
	if cbor.Unmarshal(raw, &number) != nil {
		return "no algorithm"
	}
	return algorithmName(number)
}

func sequenceComment(raw []byte) string {
	var header struct {
		PartialIV []byte `cbor:"6,keyasint"`
	}
	if cbor.Unmarshal(raw, &header) != nil || len(header.PartialIV) > 8 {
		return "unprotected"
	}
	var seq uint64
	for _, b := range header.PartialIV {
		seq = seq<<8 | uint64(b)
	}
	return fmt.Sprintf("sequence number %d", seq)
}

func clockComment(raw []byte) string {
	var list []int64
	if cbor.Unmarshal(raw, &list) != nil || len(list) != 2 {
		return "no clock"
	}
	return fmt.Sprintf("clock: %s, within %v", time.UnixMilli(list[0]).UTC().Format(time.RFC3339), time.Duration(list[1])*time.Millisecond)
}

// bytesOf returns the content of a byte string, or nothing.
func bytesOf(raw cbor.RawMessage) []byte {
	var b []byte
	if cbor.Unmarshal(raw, &b) != nil {
		return nil
	}
	return b
}

// diag is for parts of what diagnose has read as a whole.
func diag(raw []byte) string {
	text, err := cbor.Diagnose(raw)
	if err != nil {
		return bstr(raw)
	}
	return text
}

func bstr(raw []byte) string { return fmt.Sprintf("h'%x'", raw) }
