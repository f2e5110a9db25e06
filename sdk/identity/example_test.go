package identity_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/identity"
)

// A site with one bed: made, sealed for, and opened.
func Example() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// bed-12-spo2 valid
	// SpO2 97 %
}

func run() error {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	dir = filepath.Join(dir, "site")

	// The administrator, once.
	site, err := identity.CreateSite(dir, "ward-3", identity.SiteOptions{})
	if err != nil {
		return err
	}
	if _, err := site.AddRecipient("station", identity.RecipientOptions{}); err != nil {
		return err
	}
	if err := site.AddGateway("gw-1"); err != nil {
		return err
	}
	if _, err := site.AddDevice("gw-1", "bed-12-spo2", identity.DeviceOptions{}); err != nil {
		return err
	}

	// The gateway, with its own directory.
	device, err := identity.LoadDevice(filepath.Join(dir, "gateways/gw-1/devices/bed-12-spo2.device"))
	if err != nil {
		return err
	}
	defer device.Close()
	sealer := seal.NewSealer(device)
	var anchor seal.Anchor
	secret, err := device.PrepareAnchor(&anchor)
	if err != nil {
		return err
	}
	first, err := sealer.Begin(nil, &anchor, &secret)
	if err != nil {
		return err
	}
	second, err := sealer.Seal(nil, []byte("SpO2 97 %"))
	if err != nil {
		return err
	}

	// The receiver, with its own.
	return receive(filepath.Join(dir, "recipients/station"), first, second)
}

func receive(dir string, anchor, batch []byte) error {
	receiver, err := identity.LoadReceiver(dir)
	if err != nil {
		return err
	}
	envelope, err := seal.Parse(anchor)
	if err != nil {
		return err
	}
	entry, status := receiver.Roster.Lookup(envelope.KeyID(), time.Now())
	fmt.Println(entry.Name, status)
	var verifier seal.Verifier
	verified, err := verifier.Verify(envelope, &entry.PublicKey)
	if err != nil {
		return err
	}
	secret, err := receiver.Keyring.ContentSecret(verified)
	if err != nil {
		return err
	}
	opener, err := seal.NewOpener(verified, &secret)
	if err != nil {
		return err
	}
	if envelope, err = seal.Parse(batch); err != nil {
		return err
	}
	if verified, err = verifier.Verify(envelope, &entry.PublicKey); err != nil {
		return err
	}
	reading, err := opener.Open(nil, verified)
	if err != nil {
		return err
	}
	fmt.Println(string(reading))
	return nil
}
