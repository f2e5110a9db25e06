package mqtt

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// Files are credentials in PEM files: the client certificate with its
// intermediates, its private key, and the roots for the broker's certificate.
type Files struct {
	Cert, Key, CA string
}

// Load reads the three files. Use it as Config.Credentials, where it runs anew
// at each connection. A certificate and key that do not belong together, as in
// the middle of a renewal, are an error; the next attempt reads them again.
func (f Files) Load() (tls.Certificate, *x509.CertPool, error) {
	cert, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("client certificate %q with key %q: %w", f.Cert, f.Key, err)
	}
	pem, err := os.ReadFile(f.CA)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("roots: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return tls.Certificate{}, nil, fmt.Errorf("roots: no certificate in %q", f.CA)
	}
	return cert, roots, nil
}
