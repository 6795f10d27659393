/** Short names for the generated types. */
import type { components } from './schema'

type Schemas = components['schemas']

export type Overview = Schemas['OverviewView']
export type Node = Schemas['NodeView']
export type Model = Schemas['ClusterModelView']
export type Worker = Schemas['WorkerView']
export type TaskGroup = Schemas['TaskGroupView']
export type Part = Schemas['PartView']
export type Host = Schemas['HostView']
export type Rates = Schemas['Rates']
export type NodeState = Schemas['UpstreamState']
export type BreakerState = Schemas['BreakerState']
export type PartState = Schemas['PartState']
export type Role = Schemas['Role']
export type User = Schemas['UserView']
export type Me = Schemas['Me']
export type Problem = Schemas['Problem']
export type ChatRequest = Schemas['Chat']
export type Machine = Schemas['MachineView']
export type MachineState = Schemas['MachineState']
export type Invitation = Schemas['InvitationView']
export type Power = Schemas['PowerView']
export type Energy = Schemas['EnergyView']
export type Discovery = Schemas['DiscoveryView']
export type Find = Schemas['FoundView']
export type LeftOut = Schemas['LeftOut']
export type LogLine = Schemas['LogLine']
export type LogLevel = LogLine['level']
export type LogPage = Schemas['LogPage']
export type LogCounts = Schemas['LogCounts']
export type LogKept = Schemas['Kept']
export type ChatMessage = Schemas['ChatMessage']

/** Something that happened, as the topic `events` carries it. `at` in Unix seconds. */
export interface ClusterEvent {
  at: number
  kind: string
  subject: string
  before: string
  after: string
}
