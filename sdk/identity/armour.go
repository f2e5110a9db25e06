package identity

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// Types of armoured blocks.
const (
	typeSiteKey   = "VITALSEAL SITE KEY"
	typeDevice    = "VITALSEAL DEVICE IDENTITY"
	typeBoot      = "VITALSEAL BOOT RECORD"
	typeRecipient = "VITALSEAL RECIPIENT KEY"
	typeReceipt   = "VITALSEAL RECEIPT KEY"
	typePSK       = "VITALSEAL PRE-SHARED KEY"
)

const formatVersion = 1

var errEncoding = errors.New("not in the one encoding that is allowed")

// encodeDocument returns v in core deterministic encoding.
func encodeDocument(v any) ([]byte, error) {
	options := cbor.CoreDetEncOptions()
	options.NilContainers = cbor.NilContainerAsEmpty
	mode, err := options.EncMode()
	if err != nil {
		return nil, err
	}
	return mode.Marshal(v)
}

// decodeDocument reads v and refuses what encodeDocument would have written in
// any other way.
func decodeDocument(data []byte, v any) error {
	mode, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
	}.DecMode()
	if err != nil {
		return err
	}
	if err := mode.Unmarshal(data, v); err != nil {
		// The library's errors can quote what they read.
		return errEncoding
	}
	again, err := encodeDocument(v)
	if err != nil || !bytes.Equal(again, data) {
		clear(again)
		return errEncoding
	}
	clear(again)
	return nil
}

// armour returns a document as a text block with a comment for people, such as
// the id of the public key.
func armour(kind, name, keyID string, document any) ([]byte, error) {
	data, err := encodeDocument(document)
	if err != nil {
		return nil, fmt.Errorf("identity: encoding a block of type %q failed", kind)
	}
	defer clear(data)
	headers := map[string]string{"Name": name, "Key-Id": keyID}
	return pem.EncodeToMemory(&pem.Block{Type: kind, Headers: headers, Bytes: data}), nil
}

// unarmour reads the only block of text into document.
func unarmour(kind, path string, text []byte, document any) error {
	block, rest := pem.Decode(text)
	switch {
	case block == nil:
		return fmt.Errorf("identity: %q has no block of type %q", path, kind)
	case block.Type != kind:
		return fmt.Errorf("identity: %q is of type %q, want %q", path, block.Type, kind)
	case len(bytes.TrimSpace(rest)) != 0:
		return fmt.Errorf("identity: %q has more than one block", path)
	}
	defer clear(block.Bytes)
	if err := decodeDocument(block.Bytes, document); err != nil {
		return fmt.Errorf("identity: %q is damaged: %w", path, err)
	}
	return nil
}

func versionError(path string, version uint64) error {
	return fmt.Errorf("identity: %q is of version %d, this program reads version %d", path, version, formatVersion)
}
