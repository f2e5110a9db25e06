package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"path/filepath"
	"time"
)

const (
	blockCertificate = "CERTIFICATE"
	blockPrivateKey  = "PRIVATE KEY" // PKCS #8

	// receiverCN is the common name of every receiver's certificate, and what
	// the access list shipped for brokers grants reading to.
	receiverCN = "receiver"
	// beaconName is a level of the topics of receivers; a gateway of this name
	// would own them.
	beaconName = "beacon"

	// backdate allows for clocks that are behind.
	backdate = time.Hour
)

// authority is the site's private certificate authority.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte // of the certificate
}

// newAuthority makes an authority that can sign client and server certificates
// and no further authority.
func newAuthority(site string, now time.Time, life time.Duration) (*authority, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		Subject:   pkix.Name{Organization: []string{"vitalseal " + site}, CommonName: "vitalseal " + site + " CA"},
		NotBefore: now.Add(-backdate), NotAfter: now.Add(life),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage:    x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	a := &authority{cert: template, key: key}
	a.pem, err = a.sign(template, &key.PublicKey)
	if err != nil {
		return nil, nil, err
	}
	block, _ := pem.Decode(a.pem)
	if a.cert, err = x509.ParseCertificate(block.Bytes); err != nil {
		return nil, nil, err
	}
	text, err := encodeKey(key)
	return a, text, err
}

func loadAuthority(dir string) (*authority, error) {
	cert, key, err := loadPair(filepath.Join(dir, caFile), filepath.Join(dir, caKeyFile))
	if err != nil {
		return nil, err
	}
	if !cert.IsCA {
		return nil, fmt.Errorf("identity: %q is not a certificate authority", filepath.Join(dir, caFile))
	}
	text := pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: cert.Raw})
	return &authority{cert: cert, key: key, pem: text}, nil
}

// sign returns a certificate in PEM. The serial number is random (128 bits).
func (a *authority) sign(template *x509.Certificate, public *ecdsa.PublicKey) ([]byte, error) {
	if template != a.cert && template.NotAfter.After(a.cert.NotAfter) {
		template.NotAfter = a.cert.NotAfter
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, public, a.key)
	if err != nil {
		return nil, fmt.Errorf("identity: certificate %q: %w", template.Subject.CommonName, err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: der}), nil
}

// leaf describes a certificate to be issued.
type leaf struct {
	commonName string
	unit       string   // OU: which receiver
	hosts      []string // names and addresses: a server's; none: a client's
}

func (a *authority) template(l leaf, now time.Time, life time.Duration) *x509.Certificate {
	t := &x509.Certificate{
		Subject:   pkix.Name{Organization: a.cert.Subject.Organization, CommonName: l.commonName},
		NotBefore: now.Add(-backdate), NotAfter: now.Add(life),
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if l.unit != "" {
		t.Subject.OrganizationalUnit = []string{l.unit}
	}
	if len(l.hosts) > 0 {
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	for _, host := range l.hosts {
		if ip := net.ParseIP(host); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, host)
		}
	}
	return t
}

// issue writes a new key and its certificate, and the authority's certificate
// beside them.
func (a *authority) issue(dir, certFile, keyFile string, t *x509.Certificate) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	text, err := encodeKey(key)
	if err != nil {
		return err
	}
	defer clear(text)
	cert, err := a.sign(t, &key.PublicKey)
	if err != nil {
		return err
	}
	if err := createFile(filepath.Join(dir, keyFile), text, modeSecret); err != nil {
		return err
	}
	if err := createFile(filepath.Join(dir, certFile), cert, modePublic); err != nil {
		return err
	}
	return createFile(filepath.Join(dir, caFile), a.pem, modePublic)
}

// renew replaces a certificate by one of the same name and key, if it ends
// before the deadline, and reports whether it did.
func (a *authority) renew(certPath, keyPath string, now, deadline time.Time, life time.Duration) (bool, error) {
	cert, key, err := loadPair(certPath, keyPath)
	if err != nil {
		return false, err
	}
	if cert.NotAfter.After(deadline) {
		return false, nil
	}
	t := &x509.Certificate{
		Subject: cert.Subject, NotBefore: now.Add(-backdate), NotAfter: now.Add(life),
		BasicConstraintsValid: true, KeyUsage: cert.KeyUsage, ExtKeyUsage: cert.ExtKeyUsage,
		DNSNames: cert.DNSNames, IPAddresses: cert.IPAddresses,
	}
	text, err := a.sign(t, &key.PublicKey)
	if err != nil {
		return false, err
	}
	return true, replaceFile(certPath, text, modePublic)
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	defer clear(der)
	return pem.EncodeToMemory(&pem.Block{Type: blockPrivateKey, Bytes: der}), nil
}

// loadPair reads a certificate of this package and its key.
func loadPair(certPath, keyPath string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	pair, err := loadCertificate(certPath, keyPath)
	if err != nil {
		return nil, nil, err
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, nil, fmt.Errorf("identity: %q is not an ECDSA key", keyPath)
	}
	return pair.Leaf, key, nil
}

func loadCertificate(certPath, keyPath string) (tls.Certificate, error) {
	certText, err := readPublic(certPath)
	if err != nil {
		return tls.Certificate{}, err
	}
	keyText, err := readSecret(keyPath)
	if err != nil {
		return tls.Certificate{}, err
	}
	defer clear(keyText)
	pair, err := tls.X509KeyPair(certText, keyText)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("identity: certificate %q with key %q: %w", certPath, keyPath, err)
	}
	return pair, nil
}

// credentials reads a certificate with its key, and the roots.
func credentials(dir, certFile, keyFile string) (tls.Certificate, *x509.CertPool, error) {
	pair, err := loadCertificate(filepath.Join(dir, certFile), filepath.Join(dir, keyFile))
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	path := filepath.Join(dir, caFile)
	text, err := readPublic(path)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return tls.Certificate{}, nil, fmt.Errorf("identity: no certificate in %q", path)
	}
	return pair, roots, nil
}
