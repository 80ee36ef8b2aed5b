package lang

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/zclconf/go-cty/cty/function"
)

// minRSA is the least size of a DKIM key in bits: verifiers ignore signatures of
// smaller ones (RFC 8301, 3.2).
const minRSA = 1024

// dkimKeyFunc writes the record of a DKIM key (RFC 6376, 3.6.1; RFC 8463 for
// Ed25519). Of a private key only its public half leaves this function.
func dkimKeyFunc(fsys fs.FS) function.Function {
	return stringFunc("Writes the TXT record of a DKIM key (RFC 6376, RFC 8463), which stands at SELECTOR._domainkey. The file, inside the configuration's directory, holds a public or private key in PEM: RSA of 1024 bits or more, or Ed25519.",
		func(args []string) (string, error) {
			name, err := inside(args[0])
			if err != nil {
				return "", err
			}
			raw, err := readFile(fsys, name)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return "", function.NewArgErrorf(0, "there is no file %q in the configuration's directory", name)
			case err != nil:
				return "", function.NewArgErrorf(0, "%q cannot be read (%s); only files inside the configuration's directory can", name, err)
			}
			text, err := DKIMRecord(raw)
			if err != nil {
				return "", function.NewArgErrorf(0, "%q: %s", name, err)
			}
			return text, nil
		}, "file")
}

// DKIMRecord is the TXT record of the first key in a PEM file, public or private. The
// error tells nothing of a private key.
func DKIMRecord(raw []byte) (string, error) {
	for {
		block, rest := pem.Decode(raw)
		if block == nil {
			return "", fmt.Errorf("no key in PEM is in it: a file is wanted that begins with -----BEGIN PUBLIC KEY----- or -----BEGIN PRIVATE KEY-----")
		}
		if strings.HasSuffix(block.Type, "KEY") {
			return dkimText(block)
		}
		raw = rest // parameters, a certificate
	}
}

func dkimText(block *pem.Block) (string, error) {
	public, err := publicKey(block)
	if err != nil {
		return "", err
	}
	switch key := public.(type) {
	case ed25519.PublicKey:
		return "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(key), nil
	case *rsa.PublicKey:
		if n := key.N.BitLen(); n < minRSA {
			return "", fmt.Errorf("it is an RSA key of %d bits, and verifiers ignore those below %d (RFC 8301). Make one of 2048 bits", n, minRSA)
		}
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			return "", fmt.Errorf("the key cannot be written: %w", err)
		}
		return "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der), nil
	case *ecdsa.PublicKey:
		return "", fmt.Errorf("it is an ECDSA key, and DKIM knows RSA and Ed25519 alone. Make one of these")
	}
	return "", fmt.Errorf("it is neither an RSA nor an Ed25519 key, and DKIM knows no others")
}

// publicKey is the key in a block, or the public half of the private one. Errors
// of the parsers are kept out of the message: they may tell of a private key.
func publicKey(block *pem.Block) (any, error) {
	if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
		return nil, fmt.Errorf("the private key is encrypted. Write its public half into a file (openssl pkey -pubout), and name that")
	}
	var key any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("it holds %q, and DKIM needs an RSA or Ed25519 key", block.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("the %s in it cannot be read: it is damaged, or of a kind that is not known here", block.Type)
	}
	switch private := key.(type) {
	case *rsa.PrivateKey:
		return &private.PublicKey, nil
	case ed25519.PrivateKey:
		return private.Public(), nil
	case *ecdsa.PrivateKey:
		return &private.PublicKey, nil
	}
	return key, nil
}
