// Package mqtttest starts real MQTT brokers for tests and makes the
// certificates that they and their clients need.
package mqtttest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk/mqtt"
)

// CA is a certificate authority that lives as long as a test.
type CA struct {
	t    testing.TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewCA makes an authority; its files go into the test's temporary directory.
func NewCA(t testing.TB) *CA {
	t.Helper()
	ca := &CA{t: t, dir: t.TempDir()}
	ca.key = newKey(t)
	tmpl := template("vitalseal test CA")
	tmpl.IsCA, tmpl.BasicConstraintsValid = true, true
	tmpl.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	ca.cert = ca.sign(tmpl, tmpl, &ca.key.PublicKey)
	writePEM(t, ca.File(), "CERTIFICATE", ca.cert.Raw)
	return ca
}

// File is the path of the authority's certificate.
func (ca *CA) File() string { return filepath.Join(ca.dir, "ca.pem") }

// Pool holds the authority's certificate only.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	return pool
}

// Identity is a certificate with its key, in memory and as PEM files.
type Identity struct {
	Certificate tls.Certificate
	Files       mqtt.Files
}

// Server issues a certificate for localhost and the loopback addresses. Each
// change may alter it before it is signed.
func (ca *CA) Server(change ...func(*x509.Certificate)) Identity {
	ca.t.Helper()
	tmpl := template("localhost")
	tmpl.DNSNames = []string{"localhost"}
	tmpl.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	tmpl.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	return ca.issue(tmpl, change)
}

// Client issues a client certificate with common name cn.
func (ca *CA) Client(cn string, change ...func(*x509.Certificate)) Identity {
	ca.t.Helper()
	tmpl := template(cn)
	tmpl.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return ca.issue(tmpl, change)
}

// Expired is a change that makes a certificate end a day ago.
func Expired(c *x509.Certificate) {
	c.NotBefore = time.Now().Add(-48 * time.Hour)
	c.NotAfter = time.Now().Add(-24 * time.Hour)
}

// Config is a configuration for the client named cn at broker url, with short
// waits between attempts. A connection of it is not lost because a machine is busy.
func (ca *CA) Config(url, cn string) mqtt.Config {
	ca.t.Helper()
	return mqtt.Config{
		Broker: url, ClientID: cn, Credentials: ca.Client(cn).Files.Load,
		MinBackoff: 10 * time.Millisecond, MaxBackoff: 200 * time.Millisecond,
		KeepAlive: Patience, Timeout: Patience, AckTimeout: Patience,
	}
}

func (ca *CA) issue(tmpl *x509.Certificate, change []func(*x509.Certificate)) Identity {
	ca.t.Helper()
	for _, f := range change {
		f(tmpl)
	}
	key := newKey(ca.t)
	leaf := ca.sign(tmpl, ca.cert, &key.PublicKey)
	dir, err := os.MkdirTemp(ca.dir, "identity-")
	if err != nil {
		ca.t.Fatal(err)
	}
	id := Identity{
		Certificate: tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf},
		Files:       mqtt.Files{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"), CA: ca.File()},
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		ca.t.Fatal(err)
	}
	writePEM(ca.t, id.Files.Cert, "CERTIFICATE", leaf.Raw)
	writePEM(ca.t, id.Files.Key, "PRIVATE KEY", der)
	return id
}

func (ca *CA) sign(tmpl, parent *x509.Certificate, pub *ecdsa.PublicKey) *x509.Certificate {
	ca.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, pub, ca.key)
	if err != nil {
		ca.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		ca.t.Fatal(err)
	}
	return cert
}

func template(cn string) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: cn},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func writePEM(t testing.TB, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
