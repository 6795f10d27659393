import { Button, PasswordInput, TextInput } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { type FormEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { ApiError } from '../api/errors.ts'
import { signIn } from '../api/session.ts'
import { Mark } from '../app/Brand.tsx'
import css from '../app/frame.module.css'
import { LanguageSwitch } from '../app/LanguageSwitch.tsx'
import { placeOf } from '../app/places.ts'
import { useTitle } from '../app/useTitle.ts'
import { Coded } from '../ui/Coded.tsx'
import { Failure } from '../ui/Failure.tsx'

export function SignInPage() {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const { next } = useSearch({ from: '/sign-in' })
  const [username, setUsername] = useState('admin')
  const [password, setPassword] = useState('')
  const [code, setCode] = useState('')
  const [asksCode, setAsksCode] = useState(false)
  useTitle(t('signin.title'))
  const entering = useMutation({
    mutationFn: () => signIn(username.trim(), password, asksCode ? code : ''),
    onSuccess: () => navigate(placeOf(next)),
    onError: (error) => {
      if (!(error instanceof ApiError)) return
      if (error.code === 'bad_credentials') setPassword('')
      if (error.code === 'bad_code') setCode('')
      if (error.code === 'second_factor_required') setAsksCode(true)
    },
  })
  const isOnlyCode = entering.error instanceof ApiError && entering.error.code === 'second_factor_required'
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!entering.isPending) entering.mutate()
  }
  return (
    <main className={css.lonely}>
      <div className={css.signIn}>
        <Mark size={44} />
        <div>
          <h1>{t('signin.title')}</h1>
          <p className={css.quiet}>{t('signin.text')}</p>
        </div>
        <form onSubmit={submit} className={css.form}>
          {entering.error && !isOnlyCode ? <Failure error={entering.error} /> : null}
          <TextInput
            label={t('signin.name')}
            value={username}
            onChange={(event) => setUsername(event.currentTarget.value)}
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            size="md"
            required
            withAsterisk={false}
          />
          <PasswordInput
            label={t('signin.password')}
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
            autoComplete="current-password"
            size="md"
            required
            withAsterisk={false}
            data-autofocus
            autoFocus
            visibilityToggleButtonProps={{ 'aria-label': t('signin.show'), tabIndex: 0 }}
          />
          {asksCode ? (
            <TextInput
              label={t('signin.code')}
              description={t('signin.code.rule')}
              value={code}
              onChange={(event) => setCode(event.currentTarget.value)}
              autoComplete="one-time-code"
              autoCapitalize="characters"
              spellCheck={false}
              maxLength={64}
              size="md"
              required
              withAsterisk={false}
              autoFocus
            />
          ) : null}
          <Button type="submit" size="md" loading={entering.isPending} fullWidth>
            {t('signin.enter')}
          </Button>
        </form>
        <details className={css.hint}>
          <summary>{t('signin.where')}</summary>
          <p>
            <Coded text={t('signin.where.text')} />
          </p>
        </details>
      </div>
      <LanguageSwitch />
    </main>
  )
}
