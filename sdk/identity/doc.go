// Package identity keeps the keys of a site at rest: devices, recipients,
// certificates, and the roster that says who is who.
//
// # Vocabulary
//
//   - A site is one hospital, ward or home. Its administrator holds the site key,
//     which signs the roster, and a private certificate authority.
//   - A gateway reads sensors and publishes. Its certificate names it at the
//     broker; the keys that seal are those of its devices. One of them has the
//     gateway's own name: what the gateway has to say of itself is sealed as it.
//   - A device is one sensor: one signing key, one key id, one boot counter.
//   - A recipient can open what devices seal. Anchors wrap their content secret
//     to every recipient of the roster (HPKE, RFC 9180: X-Wing, or X25519 for a
//     recipient without it), one entry for each. What it has received it signs for
//     with another key, Ed25519 (seal.AppendReceipt).
//   - The roster lists devices and recipients, signed by the site key. Gateways
//     and receivers pin the site's public key (site.pub) and refuse a roster that
//     is of another site, altered, or older than one they have used.
//
// A device of the pre-shared mode has no recipients: every recipient of the site
// holds a copy of its key, which moves on at each start. A sensor that seals for
// itself is such a device: the site knows its public key, recipients hold copies
// of its pre-shared key, and the gateway that carries what it seals has neither
// secret (DeviceOptions.PublicKey).
//
// The administrator:
//
//	site, err := identity.CreateSite("site", "ward-3", identity.SiteOptions{})
//	_, err = site.AddRecipient("station", identity.RecipientOptions{})
//	err = site.AddBroker([]string{"broker.ward-3.example"})
//	err = site.AddGateway("gw-1")
//	_, err = site.AddDevice("gw-1", "bed-12-spo2", identity.DeviceOptions{})
//
// The gateway, for each anchor (a DeviceIdentity is a keys.Signer):
//
//	device, err := identity.LoadDevice("gw-1/devices/bed-12-spo2.device")
//	sealer := seal.NewSealer(device)
//	secret, err := device.PrepareAnchor(&anchor)
//	message, err := sealer.Begin(nil, &anchor, &secret)
//
// The receiver:
//
//	receiver, err := identity.LoadReceiver("station")
//	entry, status := receiver.Roster.Lookup(envelope.KeyID(), now)
//	verified, err := verifier.Verify(envelope, &entry.PublicKey)
//	secret, err := receiver.Keyring.ContentSecret(verified)
//	opener, err := seal.NewOpener(verified, &secret)
//
// # Files
//
//	site/                      0700, the administrator's
//	  site.key                 0600, signs the roster
//	  site.pub                 what gateways and receivers pin
//	  ca.key ca.pem            0600, 0644: certificate authority, ECDSA on P-256
//	  roster                   0644
//	  broker/                  cert.pem key.pem ca.pem
//	  gateways/NAME/           0700: to be copied to the gateway as a whole
//	    gateway.pem gateway.key ca.pem site.pub roster
//	    devices/DEVICE.device  0600; not of a device that keeps its secrets itself
//	    devices/DEVICE.new     0600, until the device's first start
//	    devices/DEVICE.boot    0600, from then on; only at the gateway
//	    devices/DEVICE.lock    0600, empty: held by who seals; only at the gateway
//	  recipients/NAME/         0700: to be copied to the receiver as a whole
//	    recipient.key          0600: X25519 and X-Wing
//	    receipt.key            0600: Ed25519, signs receipts
//	    receiver.pem receiver.key ca.pem site.pub roster
//	    psk/KID.psk            0600: of each device with a pre-shared key
//	    roster.seen            0600: the highest serial used there; only at the receiver
//
// Secret files that group or others can access, that belong to another user, or
// whose directory others can write are refused, with the command that mends
// them in the error's Hint. Files appear whole or not at all, and no key is ever
// overwritten by another.
//
// Copying a gateway's directory again, for a new device or a new certificate, is
// safe: a boot counter that has begun is never in the copy. Copying one gateway's
// directory to two machines is not, and receivers report it as a fork. Renewed
// certificates are for the same keys and have the same names
// (Site.RenewCertificates).
//
// # Format
//
// Secret files but for the keys of certificates (PKCS #8) are a text block as in
// RFC 7468, with two headers for people:
//
//	-----BEGIN VITALSEAL DEVICE IDENTITY-----
//	Key-Id: 5b1f3e07c1a2d4e8
//	Name: bed-12-spo2
//
//	base64 of the document
//	-----END VITALSEAL DEVICE IDENTITY-----
//
// The document alone counts. It is an array in the core deterministic encoding
// of CBOR (RFC 8949, section 4.2.1); a reader MUST refuse any other encoding of
// it, an unknown version, and anything after the block.
//
//	site-key   = [1, site: tstr, seed: bstr .size 32]           ; VITALSEAL SITE KEY
//	device     = [1, site: tstr, site-public: bstr .size 32,    ; VITALSEAL DEVICE IDENTITY
//	              gateway: tstr, name: tstr, alg: -19 / -9,
//	              private: bstr .size 32, pre-shared: bool]
//	boot       = [1, kid, boot: uint, serial: uint,             ; VITALSEAL BOOT RECORD
//	              generation: uint, key: bstr .size (0 / 32),
//	              check: bstr .size 8]
//	recipient  = [1, site: tstr, name: tstr,                    ; VITALSEAL RECIPIENT KEY
//	              x25519: bstr .size 32, x-wing: bstr .size (0 / 32)]
//	receipt    = [1, site: tstr, name: tstr,                    ; VITALSEAL RECEIPT KEY
//	              seed: bstr .size 32]
//	psk        = [1, kid, generation: uint, key: bstr .size 32] ; VITALSEAL PRE-SHARED KEY
//	kid        = bstr .size 8
//
// private is the seed of Ed25519 or the scalar on P-256; x-wing is the 32-byte
// seed of draft-connolly-cfrg-xwing-kem. generation and key of a boot record are
// the next start's: those of this one are in memory until its anchor begins.
// boot is how many anchors have begun, serial the highest of any roster used,
// and check the first 8 bytes of the SHA-256 of the record with an empty check:
// against damage, not malice.
//
// The roster is binary, a COSE_Sign1 (RFC 9052) whose protected header is
// {1: -19, 4: kid of the site key}, whose external_aad is 'VITALSEAL ROSTER' and
// whose payload is
//
//	roster = [version: 1 / 2, site: tstr, serial: uint, issued: time,
//	          [* [alg: -19 / -9, public: bstr, name: tstr, gateway: tstr,
//	              pre-shared: bool, added: time, not-after: time, revoked: time]],
//	          [* [name: tstr, x25519: bstr .size 32, x-wing: bstr .size (0 / 1216),
//	              ? sign: bstr .size (0 / 32)]]]          ; in version 2 always, in 1 never
//	time   = uint                                       ; seconds since 1970, 0: none
//
// serial grows with every change. A reader MUST refuse two devices with one key
// or, unless one is revoked, one name, two recipients with one name, and version 2
// if no recipient has a sign.
//
// sign is the Ed25519 key that verifies a recipient's receipts. A program from
// before there were any refuses version 2 rather than misread it, and a roster has
// that version only once a recipient has the key: a site that is as it was goes on
// with programs as they are. Before a recipient is added, or RenewCertificates run,
// bring its gateways and receivers up to date; one that is not goes on with the
// roster it has, and does not start anew without.
//
// The kid of a recipient is the first 8 bytes of the SHA-256 thumbprint (RFC
// 9679) of its COSE_Key: {1: 1, -1: 4, -2: public} for X25519 and
// {1: 7 (AKP), 3: -65791, -1: public} for X-Wing.
package identity
