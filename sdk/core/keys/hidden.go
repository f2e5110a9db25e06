package keys

// hidden holds a secret where fmt does not find it: fmt prints fields that are
// not exported, and follows pointers for some verbs, but prints a function as an
// address. A Format method would do it too, and would bring fmt into the core.
type hidden[T any] func() *T

func hide[T any](secret T) hidden[T] { return func() *T { return &secret } }
