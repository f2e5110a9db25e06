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
Prints the header of a sealed message and all of it in the diagnostic notation of
CBOR (RFC 8949, section 8). It reads FILE, or standard input if there is none or it
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
	envelope, err := seal.Parse(message)
	if err != nil {
		wrong = errors.Join(wrong, err)
	}
	_, err = fmt.Fprintf(c.stdout, "%s%s\n%s", header(message, &envelope, wrong), text, provesNothing)
	return errors.Join(err, wrong)
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

func header(message []byte, e *seal.Envelope, wrong error) string {
	size := plural(len(message), "byte")
	if wrong != nil {
		return fmt.Sprintf("%s, not a message of version 1\n\n", size)
	}
	return fmt.Sprintf("%s, says it is of device %v\n\n", size, e.KeyID())
}
