package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/vitalseal/vitalseal/scripts/mosquitto"
)

// brokerPort is the port of MQTT over TLS (IANA: secure-mqtt).
const brokerPort = "8883"

// brokerURL is where gateways find the broker of a site: the name of its
// certificate, or one to be replaced if there is none yet.
func brokerURL(siteDir string) string {
	cert, err := readCertificate(filepath.Join(siteDir, "broker", "cert.pem"))
	if err != nil {
		return "mqtts://broker.example:" + brokerPort
	}
	return "mqtts://" + net.JoinHostPort(cert.Subject.CommonName, brokerPort)
}

// readCertificate returns the first certificate of a PEM file.
func readCertificate(path string) (*x509.Certificate, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, fmt.Errorf("%q is not a certificate in PEM", path)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", path, err)
	}
	return cert, nil
}

// configOf is the configuration of a gateway: beside its directory, so that
// copying the directory again, for a new device, does not undo a change to it.
func configOf(siteDir, gateway string) string {
	return filepath.Join(siteDir, "gateways", gateway+".toml")
}

// writeGatewayConfig writes a configuration for a gateway and its devices that
// lacks only what is to be seen at the bed.
func writeGatewayConfig(siteDir, gateway, broker string, devices []string) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, `# The configuration of gateway %q. "vitalseal config" prints one with every key.
# Relative paths start here.

site = %q
data = %q # what waits for the broker; elsewhere than %q on a gateway that is copied to

[gateway]
name = %q

[broker]
url = %q
`, gateway, gateway, gateway+"/data", gateway, gateway, broker)
	if len(devices) == 0 {
		b.WriteString("\n# One [[sensor]] for each device: \"vitalseal device add\" prints it.\n")
	}
	for _, device := range devices {
		b.WriteString("\n" + sensorSection(device))
	}
	file := configOf(siteDir, gateway)
	return file, writeNew(file, b.String())
}

// writeBrokerConfig writes mosquitto's settings into dir, the broker directory
// of the site that is, or will be, at siteDir.
func writeBrokerConfig(dir, siteDir string) (string, error) {
	final, err := filepath.Abs(filepath.Join(siteDir, "broker"))
	if err != nil {
		return "", err
	}
	_, settings, _ := strings.Cut(mosquitto.Conf, "\n\n") // what is above says how to install it by hand
	conf := "# mosquitto 2 for this site: one listener, TLS 1.3 and client certificates only.\n\n" + strings.NewReplacer(
		"/etc/mosquitto/certs/ca.pem", final+"/ca.pem",
		"/etc/mosquitto/certs/broker.pem", final+"/cert.pem",
		"/etc/mosquitto/certs/broker.key", final+"/key.pem",
		"/etc/mosquitto/vitalseal.acl", final+"/acl",
		"/var/lib/mosquitto/", final+"/",
	).Replace(settings)
	if os.Geteuid() == 0 {
		conf += "\n# Made by root, whose files these are; better, a user of its own runs the broker.\nuser root\n"
	}
	if err := writeNew(filepath.Join(dir, "acl"), mosquitto.ACL); err != nil {
		return "", err
	}
	return filepath.Join(siteDir, "broker", "mosquitto.conf"), writeNew(filepath.Join(dir, "mosquitto.conf"), conf)
}

// writeNew writes a public file that must not exist.
func writeNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return &hinted{err, "it is kept as it is: move it away to get a new one"}
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
