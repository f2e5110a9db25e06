//go:build !linux || !(amd64 || arm64)

package sdk_test

import "errors"

func shortLife() error { return errors.New("killpoints are of Linux") }
