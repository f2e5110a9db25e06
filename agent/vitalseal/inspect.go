package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

func inspectCommand() command {
	return command{
		name: "inspect", args: "[FILE]", summary: "show the outside of a sealed message; proves nothing",
		about: `
Prints the header of a sealed message, or of a receipt for such, and all of it in
the diagnostic notation of CBOR (RFC 8949, section 8). It reads FILE, or standard input if there is none or it
is "-": bytes, or text in hex or base64. Nothing is decrypted and nothing is
verified: anybody can have made a message that looks like this. Readings are to be
had from "vitalseal receive".

The exit status is 1 if it is not a message of the format.`,
		example: "vitalseal inspect message.bin",
		prepare: func(*flag.FlagSet) func(*call) error {
			return func(c *call) error {
				if err := c.want("inspect", 0, 1); err != nil {
					return err
				}
				return inspect(c)
			}
		},
	}
}

// maxInput is a message of the largest size as text, with blanks between.
const maxInput = 4 * seal.MaxMessage

// provesNothing ends every inspection.
const provesNothing = "Nothing of this was verified: it proves nothing.\n"

func inspect(c *call) error {
	in, err := c.input()
	if err != nil {
		return err
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, maxInput+1))
	if err != nil {
		return err
	}
	if len(data) > maxInput {
		return fmt.Errorf("input is larger than %d bytes, and a message is at most %d", maxInput, seal.MaxMessage)
	}
	if len(data) == 0 {
		return errors.New("input is empty")
	}
	message := decodeText(data)
	text, wrong := diagnose(message)
	whose, err := claim(message)
	if err != nil {
		whose = "not a message of version 1"
	}
	wrong = errors.Join(wrong, err)
	_, err = fmt.Fprintf(c.stdout, "%s, %s\n\n%s\n%s", plural(len(message), "byte"), whose, text, provesNothing)
	return errors.Join(err, wrong)
}

// claim says whose message it is by its own words.
func claim(message []byte) (string, error) {
	envelope, err := seal.Parse(message)
	if err == nil {
		return fmt.Sprintf("says it is of device %v", envelope.KeyID()), nil
	}
	if key, notReceipt := seal.ReceiptKeyID(message); notReceipt == nil {
		return fmt.Sprintf("says it is a receipt, signed with key %v", key), nil
	}
	return "", err
}

// decodeText returns the bytes that hex or base64 stands for, and what is
// neither as it is. A message begins with a byte that is no text.
func decodeText(data []byte) []byte {
	text := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, string(data))
	if raw, err := hex.DecodeString(strings.TrimPrefix(text, "0x")); err == nil {
		return raw
	}
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	if raw, err := base64.RawStdEncoding.DecodeString(text); err == nil {
		return raw
	}
	return bytes.Clone(data)
}
