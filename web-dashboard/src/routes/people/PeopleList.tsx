import { Button, NativeSelect } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { meQuery } from '../../api/session.ts'
import type { Person } from '../../api/types.ts'
import { Ago } from '../../ui/Ago.tsx'
import { Failure } from '../../ui/Failure.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import ui from '../../ui/ui.module.css'
import type { PersonAsk } from './PersonDialogs.tsx'
import css from './people.module.css'
import { changePerson, type PersonRole, personLook, ROLE_WORDS } from './people.ts'

interface ListProps {
  people: readonly Person[]
  onAsk: (ask: PersonAsk) => void
}

/** Everybody with what they may do, and what can be done about it; nothing about oneself. */
export function PeopleList({ people, onAsk }: ListProps) {
  const { data: me } = useQuery(meQuery)
  return (
    <ul className={css.people}>
      {people.map((person) => (
        <PersonRow key={person.id} person={person} isMe={person.id === me?.user.id} onAsk={onAsk} />
      ))}
    </ul>
  )
}

interface RowProps {
  person: Person
  isMe: boolean
  onAsk: ListProps['onAsk']
}

function PersonRow({ person, isMe, onAsk }: RowProps) {
  const { t } = useTranslation()
  const { name } = person
  return (
    <li className={css.person} aria-label={name}>
      <div className={css.head}>
        <strong>{name}</strong>
        {isMe ? <span className={ui.note}>{t('people.you')}</span> : null}
        <StateTag look={personLook(person)} />
        <span>{t(ROLE_WORDS[person.role as PersonRole] ?? 'role.other')}</span>
      </div>
      <p className={ui.note}>
        {person.password_chosen ? t('people.own') : t('people.given')}
        {person.second_factor ? ` · ${t('people.factor')}` : ''}
        {' · '}
        {t('people.created')} <Ago at={person.created_at} />
        {' · '}
        {person.seen_at == null ? (
          t('people.never')
        ) : (
          <>
            {t('people.seen')} <Ago at={person.seen_at} />
          </>
        )}
      </p>
      {isMe ? null : <Acts person={person} onAsk={onAsk} />}
    </li>
  )
}

function Acts({ person, onAsk }: Omit<RowProps, 'isMe'>) {
  const { t } = useTranslation()
  const { name } = person
  const changing = useMutation({
    mutationFn: (change: { role?: PersonRole; disabled?: boolean }) => changePerson(name, change),
  })
  return (
    <>
      <div className={css.acts}>
        <NativeSelect
          size="xs"
          aria-label={t('people.role_of', { name })}
          value={person.role}
          disabled={changing.isPending}
          onChange={(event) => changing.mutate({ role: event.currentTarget.value as PersonRole })}
          data={Object.entries(ROLE_WORDS).map(([value, word]) => ({ value, label: t(word) }))}
        />
        <Button
          size="compact-sm"
          variant="default"
          loading={changing.isPending}
          onClick={() => changing.mutate({ disabled: !person.disabled })}
        >
          {person.disabled ? t('people.enable') : t('people.disable')}
        </Button>
        <Button size="compact-sm" variant="default" onClick={() => onAsk({ kind: 'sessions', person })}>
          {t('sessions.title')}
        </Button>
        <Button size="compact-sm" variant="default" onClick={() => onAsk({ kind: 'password', person })}>
          {t('people.password.set')}
        </Button>
        {person.second_factor ? (
          <Button size="compact-sm" variant="default" onClick={() => onAsk({ kind: 'factor', person })}>
            {t('people.factor.reset')}
          </Button>
        ) : null}
        <Button size="compact-sm" variant="default" onClick={() => onAsk({ kind: 'remove', person })}>
          {t('people.remove')}
        </Button>
      </div>
      {changing.error ? <Failure error={changing.error} /> : null}
    </>
  )
}
