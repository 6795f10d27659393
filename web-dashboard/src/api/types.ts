/** Short names for the generated types. */
import type { components } from './schema'

type Schemas = components['schemas']

export type Overview = Schemas['OverviewView']
export type Node = Schemas['NodeView']
export type Model = Schemas['ClusterModelView']
export type Worker = Schemas['WorkerView']
export type Job = Schemas['JobView']
export type JobDetail = Schemas['JobDetail']
export type JobState = Schemas['JobState']
export type TaskGroup = Schemas['TaskGroupView']
export type Part = Schemas['PartView']
export type Host = Schemas['HostView']
export type Rates = Schemas['Rates']
export type NodeState = Schemas['UpstreamState']
export type BreakerState = Schemas['BreakerState']
export type PartState = Schemas['PartState']
export type Role = Schemas['Role']
export type User = Schemas['UserView']
export type AuditEntry = Schemas['AuditEntry']
export type Instance = Schemas['Instance']
export type Registration = Schemas['Registration']
export type Ranked = Schemas['Ranked']
export type DoctorFound = Schemas['DoctorView']
export type Finding = Schemas['FindingView']
export type Updates = Schemas['UpdatesView']
export type UpdateOutcome = Schemas['UpdateOutcome']
export type Backup = Schemas['BackupView']
export type Setting = Schemas['SettingView']
export type SettingsTold = Schemas['SettingsView']
export type TlsTold = Schemas['TlsView']
export type Person = Schemas['Person']
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
export type Plan = Schemas['PlanView']
export type PlanState = Schemas['PlanState']
export type NewPlan = Schemas['NewPlan']
export type Checked = Schemas['Validated']
export type Ticket = Schemas['TicketView']
export type TicketState = Schemas['TicketState']
export type TaskType = Schemas['TaskType']
export type Graph = Schemas['GraphView']
export type GraphNode = Schemas['Node']
export type Attempt = Schemas['AttemptView']
export type HistoryEntry = Schemas['HistoryEntry']
export type TicketHistory = Schemas['HistoryView']
export type Incident = Schemas['IncidentView']
export type Slo = Schemas['ObjectiveView']
export type Objective = Schemas['Objective']
export type Budget = Schemas['BudgetView']
export type BudgetState = Schemas['Status']
export type Pace = Schemas['Pace']
export type Past = Schemas['Past']
export type Burn = Schemas['BurnView']
export type BurnAlert = Schemas['AlertView']
export type Freeze = Schemas['FreezeView']
export type FreezeAction = Schemas['FreezeAction']
export type FreezePolicy = Schemas['PolicyView']
export type Override = Schemas['OverrideView']
export type Webhook = Schemas['EndpointView']
export type WebhookAnswer = Schemas['Answer']
export type Delivery = Schemas['DeliveryView']
export type DeliveryState = Schemas['DeliveryState']
export type Silence = Schemas['SilenceView']

export type Pull = Schemas['PullView']
export type PullPart = Schemas['PullPart']
export type PullState = Schemas['PullState']
export type Pin = Schemas['Pin']
export type ModelFit = Schemas['FitView']
export type CatalogEntry = Schemas['EntryView']
export type CatalogTag = Schemas['TagView']
export type ModelUpdate = Schemas['Update']
export type NodeOutcome = Schemas['NodeOutcome']
export type ApiKey = Schemas['KeyView']
export type NewKey = Schemas['NewKey']
export type KeyChanges = Schemas['KeyChanges']
export type MadeKey = Schemas['MadeKey']
export type KeyState = Schemas['KeyState']
export type UsageRow = Schemas['UsageRow']
export type Decision = Schemas['DecisionView']
export type Candidate = Schemas['CandidateView']
export type GatewayRequest = Schemas['RequestView']

/** Something that happened, as the topic `events` carries it. `at` in Unix seconds. */
export interface ClusterEvent {
  at: number
  kind: string
  subject: string
  before: string
  after: string
}

/** What happened to a plan or a ticket, as the topics `plan` and `ticket` carry it. `at` in Unix seconds. */
export interface WorkEvent {
  id: string
  type: string
  /** The plan's or the ticket's id. */
  subject: string
  data: { plan_id?: string; task_id?: string; status?: string }
  at: number
}
