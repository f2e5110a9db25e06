package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/vitalseal/vitalseal/firmware-bridge/firmware"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/identity"
)

func deviceProvisionCommand() command {
	return command{
		name: "device provision", args: "DIR GATEWAY NAME -o FILE", summary: "make the identity of a sensor that seals for itself",
		about: `
Makes the keys of a sensor that seals its own readings, enters it into the roster
of the site at DIR, and writes them to FILE: the image for the beginning of the
sensor's flash slot, whose rest is erased (firmware-bridge/firmware, FORMAT.md).
Recipients get copies of its pre-shared key; the gateway can neither read nor alter
what it seals.

Whoever has FILE is the sensor: remove it once it is in the flash. Never give one
image to two sensors, or to one that has sealed with it before.

The roster has changed then: copy the directories of gateways and recipients to
where they are used.`,
		example: "vitalseal device provision site gw-1 monitor-4 -o monitor-4.bin",
		prepare: func(flags *flag.FlagSet) func(*call) error {
			out := flags.String("o", "", "write the image to `FILE`, which must not exist")
			return func(c *call) error {
				if err := c.want("device provision", 3, 3); err != nil {
					return err
				}
				if *out == "" {
					return &usageError{text: "no -o", hint: "the image holds secrets: name the file for it"}
				}
				return provision(c, *out)
			}
		},
	}
}

// provision writes the image before the device is enrolled: one that is enrolled
// and has no image would have its name taken for nothing.
func provision(c *call, out string) (err error) {
	site, err := openSite(c.args[0])
	if err != nil {
		return err
	}
	var seed, psk [keys.SecretSize]byte
	_, _ = rand.Read(seed[:]) // never fails
	_, _ = rand.Read(psk[:])
	defer clear(seed[:])
	defer clear(psk[:])
	image, err := firmware.AppendProvision(nil, site.Public.Name, &seed, &psk)
	if err != nil {
		return err
	}
	defer clear(image)
	if err := writeSecret(out, image); err != nil {
		return err
	}
	d, err := site.AddDevice(c.args[1], c.args[2], identity.DeviceOptions{
		PublicKey: keys.NewEd25519(&seed).Public(), PreShared: true, PreSharedKey: &psk,
	})
	if err != nil {
		return errors.Join(err, os.Remove(out))
	}
	if err := added(c, site, &d, linkSection(d.Name)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.stdout, `
Copy %s to the receivers.
Write %s (%d bytes) to the beginning of the sensor's flash slot, erase the rest of
the slot, and then remove the file: whoever has it is the sensor.
`, filepath.Join(site.Dir, "recipients", "*"), out, len(image))
	return err
}

// writeSecret writes a file that must not exist and that only its owner may read.
func writeSecret(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return &hinted{err, "choose another name: it may be the only copy of some sensor's keys"}
	}
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}

// enrolDevice enrols a sensor that made its keys itself.
func enrolDevice(c *call, publicFile, pskFile string) error {
	if publicFile == "" || pskFile == "" {
		return &usageError{text: "-public and -psk-file go together", hint: "a sensor that seals for itself has both keys"}
	}
	public, err := readPublicKey(publicFile)
	if err != nil {
		return err
	}
	psk, err := readPSK(pskFile)
	if err != nil {
		return err
	}
	defer clear(psk[:])
	site, err := openSite(c.args[0])
	if err != nil {
		return err
	}
	d, err := site.AddDevice(c.args[1], c.args[2], identity.DeviceOptions{PublicKey: public, PreShared: true, PreSharedKey: psk})
	if err != nil {
		return err
	}
	return added(c, site, &d, linkSection(d.Name))
}

// readPublicKey reads a key in PEM: SubjectPublicKeyInfo (RFC 5280, section
// 4.1.2.7) of Ed25519 or P-256.
func readPublicKey(path string) (keys.PublicKey, error) {
	wrong := func(why string) (keys.PublicKey, error) {
		return keys.PublicKey{}, &hinted{fmt.Errorf("%q: %s", path, why), `"openssl pkey -pubout" writes a public key in PEM`}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return keys.PublicKey{}, err
	}
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "PUBLIC KEY" || len(strings.TrimSpace(string(rest))) > 0 {
		return wrong("it is not one public key in PEM")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return wrong(err.Error())
	}
	var public keys.PublicKey
	switch key := parsed.(type) {
	case ed25519.PublicKey:
		public, err = keys.NewPublicKey(keys.AlgEd25519, key)
	case *ecdsa.PublicKey:
		point, pointErr := key.Bytes() // 4, x, y
		if pointErr != nil {
			return wrong(pointErr.Error())
		}
		public, err = keys.NewPublicKey(keys.AlgESP256, point[1:])
	default:
		return wrong("it is neither of Ed25519 nor of P-256")
	}
	if err != nil {
		return wrong("it is neither of Ed25519 nor of P-256")
	}
	return public, nil
}

// readPSK reads 64 hexadecimal digits from a file that only its owner may read.
func readPSK(path string) (*[keys.SecretSize]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, &hinted{fmt.Errorf("%q is open to others (mode %04o)", path, info.Mode().Perm()), "chmod 600 " + path}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	var psk [keys.SecretSize]byte
	digits := strings.TrimSpace(string(text))
	if hex.DecodedLen(len(digits)) != len(psk) {
		return nil, &hinted{fmt.Errorf("%q does not hold a pre-shared key", path), "it is 64 hexadecimal digits"}
	}
	if _, err := hex.Decode(psk[:], []byte(digits)); err != nil {
		return nil, &hinted{fmt.Errorf("%q does not hold a pre-shared key", path), "it is 64 hexadecimal digits"}
	}
	return &psk, nil
}
